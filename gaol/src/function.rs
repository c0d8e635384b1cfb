//! What the expansion of the attribute uses: the registered function, and how its values are sent.

pub(crate) mod entry;
pub(crate) mod manifest;
pub(crate) mod transfer;

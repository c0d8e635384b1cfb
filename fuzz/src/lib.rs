//! What the targets share: values of any type, damage to bytes, and an account of memory.

pub mod damage;
pub mod memory;
pub mod open;
pub mod shape;

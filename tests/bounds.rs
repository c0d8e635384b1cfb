//! What a hostile call can make this process, its worker and the kernel hold, measured and printed beside what is stated in SECURITY.md.
//!
//! `cargo test bounds` prints the table, whether or not the harness captures what tests print.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

#[path = "bounds"]
mod measured {
    pub(crate) mod table;

    mod decoding;
    mod floods;
}

#[path = "support"]
mod support {
    pub(crate) mod processes;
}

#![deny(dead_code)]

use gaol::sandboxed;

#[sandboxed]
fn never_called(x: u32) -> gaol::Result<u32> {
    Ok(helper(x))
}

// The registered body uses it.
fn helper(x: u32) -> u32 {
    x
}

fn main() {}

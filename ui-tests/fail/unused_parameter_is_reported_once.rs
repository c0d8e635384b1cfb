#![deny(unused_variables)]

use gaol::sandboxed;

#[sandboxed]
fn f(used: u32, unused: u32) -> gaol::Result<u32> {
    Ok(used)
}

fn main() {
    let _ = f(1, 2);
}

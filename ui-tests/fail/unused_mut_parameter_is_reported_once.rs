#![deny(unused_mut)]

use gaol::sandboxed;

#[sandboxed]
fn f(mut x: u32) -> gaol::Result<u32> {
    Ok(x)
}

fn main() {
    let _ = f(1);
}

#![deny(warnings)]
#![forbid(unsafe_code)]

use gaol::sandboxed;

#[sandboxed(read = "/srv")]
fn f(x: u32) -> gaol::Result<u32> {
    Ok(x)
}

fn main() {
    let _ = f;
}

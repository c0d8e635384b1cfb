#![deny(warnings)]

use gaol::sandboxed;

type Answer = Result<u32, gaol::Error>;

#[sandboxed]
fn f() -> Answer {
    Ok(1)
}

fn main() {
    let _function: fn() -> Answer = f;
}

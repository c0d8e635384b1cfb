#![deny(unused_must_use)]

use gaol::sandboxed;

#[sandboxed]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    f();
}

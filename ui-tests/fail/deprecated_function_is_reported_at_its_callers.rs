#![deny(deprecated)]

use gaol::sandboxed;

#[sandboxed]
#[deprecated = "use g"]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

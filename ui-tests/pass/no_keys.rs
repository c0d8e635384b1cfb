#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed]
fn bare() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed()]
fn empty() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _functions: [fn() -> gaol::Result<()>; 2] = [bare, empty];
}

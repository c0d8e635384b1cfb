#![deny(warnings)]

use std::path::Path;

use gaol::sandboxed;

#[sandboxed(read = ["/etc/ssl", path])]
fn f(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

fn main() {
    let _function: fn(&Path) -> gaol::Result<bool> = f;
}

use std::path::Path;

use gaol::sandboxed;

#[sandboxed]
fn f(path: &mut Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

fn main() {}

use std::fs::File;

use gaol::sandboxed;

#[sandboxed]
fn f() -> gaol::Result<Vec<File>> {
    Ok(Vec::new())
}

fn main() {}

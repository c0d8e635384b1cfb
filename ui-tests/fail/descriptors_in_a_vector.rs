use std::fs::File;

use gaol::sandboxed;

#[sandboxed]
fn f(files: Vec<File>) -> gaol::Result<usize> {
    Ok(files.len())
}

fn main() {}

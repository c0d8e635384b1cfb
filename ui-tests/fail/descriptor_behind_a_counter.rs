use std::fs::File;
use std::rc::Rc;

use gaol::sandboxed;

#[sandboxed]
fn f(file: Rc<File>) -> gaol::Result<bool> {
    Ok(file.metadata().is_ok())
}

fn main() {}

use std::path::PathBuf;

use gaol::sandboxed;

#[sandboxed(read = dir)]
fn f((dir, file): (PathBuf, PathBuf)) -> gaol::Result<bool> {
    Ok(dir.join(file).exists())
}

fn main() {
    let _ = f((PathBuf::new(), PathBuf::new()));
}

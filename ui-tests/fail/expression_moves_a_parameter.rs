use std::path::PathBuf;

use gaol::sandboxed;

#[sandboxed(read = path.into_os_string())]
fn f(path: PathBuf) -> gaol::Result<bool> {
    Ok(path.exists())
}

fn main() {
    let _ = f(PathBuf::new());
}

//! A parameter that is named by the attribute and nowhere else is used.

#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(read = path, memory = limit)]
fn nothing(path: &std::path::Path, limit: u64) -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = nothing as fn(_, _) -> _;
}

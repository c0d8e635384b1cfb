#![deny(warnings)]

use std::path::Path;

use gaol::{PathPattern, sandboxed};

const HOSTS: &str = "literal:/etc/hosts";

#[sandboxed(read = [HOSTS, "literal:/etc/resolv.conf"], metadata = format!("literal:{}", path.display()))]
fn text(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

#[sandboxed(read = PathPattern::literal(path).ok(), exec = Some(path))]
fn pattern(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

fn main() {
    let _functions: [fn(&Path) -> gaol::Result<bool>; 2] = [text, pattern];
}

#![deny(warnings)]

use std::ffi::OsStr;
use std::path::Path;

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Point {
    x: u32,
}

#[sandboxed]
fn f(text: &str, bytes: &[u8], path: &Path, name: &OsStr, point: &Point, list: &Vec<String>) -> gaol::Result<usize> {
    Ok(text.len() + bytes.len() + path.as_os_str().len() + name.len() + point.x as usize + list.len())
}

fn main() {
    let _ = f;
}

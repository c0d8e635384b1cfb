#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(files = r#type)]
fn r#match(r#type: u32, r#fn: &str) -> gaol::Result<usize> {
    Ok(r#type as usize + r#fn.len())
}

fn main() {
    let _ = r#match;
}

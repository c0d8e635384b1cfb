#![deny(warnings)]
#![allow(trivial_bounds)]

use gaol::sandboxed;

#[sandboxed]
fn f() -> gaol::Result<String>
where
    String: Clone,
{
    Ok(String::new())
}

fn main() {
    let _ = f;
}

#![deny(warnings)]

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Point {
    x: u32,
    y: u32,
}

#[sandboxed(time = "2s")]
fn f(
    (a, b): (u32, u32),
    _: u8,
    mut c: u32,
    Point { x, y }: Point,
    whole @ (d, _): (u32, u32),
    _unused: u8,
) -> gaol::Result<u32> {
    c += a + b;
    Ok(c + x + y + d + whole.1)
}

fn main() {
    let _ = f;
}

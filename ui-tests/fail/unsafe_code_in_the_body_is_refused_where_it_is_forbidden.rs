#![forbid(unsafe_code)]

use gaol::sandboxed;

#[sandboxed]
fn f(x: u32) -> gaol::Result<u32> {
    Ok(unsafe { std::mem::transmute::<u32, u32>(x) })
}

fn main() {
    let _ = f(1);
}

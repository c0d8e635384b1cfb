#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed]
fn f(a: u32, #[cfg(unix)] b: u32, #[cfg(not(unix))] c: u32, #[cfg(all())] d: u8) -> gaol::Result<u32> {
    Ok(a + b + u32::from(d))
}

fn main() {
    let _function: fn(u32, u32, u8) -> gaol::Result<u32> = f;
}

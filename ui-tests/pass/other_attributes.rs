#![deny(warnings)]

use gaol::sandboxed;

/// Documented.
#[sandboxed]
#[inline(never)]
#[cold]
#[doc(hidden)]
#[allow(unused_variables)]
#[must_use = "it took long"]
#[cfg(unix)]
#[cfg_attr(unix, allow(unused_mut))]
pub fn f(mut x: u32) -> gaol::Result<u32> {
    Ok(1)
}

#[sandboxed]
#[expect(unused_variables)]
fn expected(x: u32) -> gaol::Result<u32> {
    Ok(1)
}

#[sandboxed]
fn inside(#[allow(unused)] x: u32) -> gaol::Result<u32> {
    #![allow(unused_mut)]
    let mut y = 1;
    Ok(y)
}

fn main() {
    let _ = (f, expected, inside);
}

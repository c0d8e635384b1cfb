#![deny(warnings)]

use gaol::sandboxed as confined;

#[confined(time = "1s")]
fn f() -> gaol::Result<()> {
    Ok(())
}

#[::gaol::sandboxed]
fn g() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _functions: [fn() -> gaol::Result<()>; 2] = [f, g];
}

//! `gaol::init()` in a `main` written by hand, and once more, which does nothing.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

fn main() {
    gaol::init();
    gaol::init();
    println!("main ran");
    println!("{}", doubles(21).expect("a call"));
}

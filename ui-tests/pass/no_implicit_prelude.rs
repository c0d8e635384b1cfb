#![no_implicit_prelude]
#![deny(warnings)]

#[::gaol::sandboxed(read = "/srv", env = "LANG", time = "2s", cpu = "none", memory = size)]
fn f(size: u64, text: &str) -> ::gaol::Result<u64> {
    let _ = text;
    ::std::result::Result::Ok(size)
}

fn main() {
    let _ = f;
}

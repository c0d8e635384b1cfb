#![deny(warnings)]

mod shadows {
    #![allow(non_camel_case_types, unused)]

    pub mod gaol {}
    pub mod std {}
    pub mod core {}
    pub mod serde {}
    pub enum Option {
        Some,
        None,
    }
    pub enum Result {
        Ok,
        Err,
    }
    pub use Option::*;
    pub use Result::*;
    pub struct String;
    pub struct Vec;
    pub struct u32;

    #[::gaol::sandboxed(read = "/srv", env = "LANG", time = "2s", memory = size)]
    pub fn f(size: u64, text: &str) -> ::gaol::Result<u64> {
        let _ = text;
        ::std::result::Result::Ok(size)
    }
}

fn main() {
    let _ = shadows::f;
}

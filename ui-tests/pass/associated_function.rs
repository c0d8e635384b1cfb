#![deny(warnings)]

use gaol::sandboxed;

struct Decoder;

impl Decoder {
    #[sandboxed]
    fn decode(x: u32) -> gaol::Result<u32> {
        Ok(x)
    }
}

fn main() {
    let _function: fn(u32) -> gaol::Result<u32> = Decoder::decode;
}

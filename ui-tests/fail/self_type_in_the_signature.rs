use gaol::sandboxed;

struct Decoder;

impl Decoder {
    #[sandboxed]
    fn f(x: u32) -> gaol::Result<Self> {
        let _ = x;
        Ok(Self)
    }
}

fn main() {
    let _ = Decoder::f(1);
}

use gaol::sandboxed;

struct Decoder;

impl Decoder {
    #[sandboxed]
    fn f(&self) -> gaol::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = Decoder.f();
}

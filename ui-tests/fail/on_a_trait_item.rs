use gaol::sandboxed;

trait Decode {
    #[sandboxed]
    fn decode(x: u32) -> gaol::Result<()>;
}

impl Decode for () {
    fn decode(_: u32) -> gaol::Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = <()>::decode(1);
}

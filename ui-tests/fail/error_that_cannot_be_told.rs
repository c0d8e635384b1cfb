use gaol::sandboxed;

struct Opaque;

impl From<gaol::Error> for Opaque {
    fn from(_: gaol::Error) -> Self {
        Opaque
    }
}

#[sandboxed]
fn f() -> Result<u32, Opaque> {
    Ok(1)
}

fn main() {
    let _ = f();
}

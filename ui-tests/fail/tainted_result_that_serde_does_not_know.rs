use gaol::{Tainted, sandboxed};

struct Opaque;

#[sandboxed]
fn parse() -> gaol::Result<Tainted<Opaque>> {
    Ok(Opaque.into())
}

fn main() {
    let _ = parse();
}

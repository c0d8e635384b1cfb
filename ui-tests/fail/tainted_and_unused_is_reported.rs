#![deny(unused_must_use)]

use gaol::{Tainted, reason, sandboxed};

#[sandboxed]
fn parse() -> gaol::Result<Tainted<u32>> {
    Ok(1.into())
}

fn main() -> gaol::Result<()> {
    parse()?;
    parse()?.as_ref();
    parse()?.verify(u8::try_from);
    parse()?.trust_because(reason!("nobody reads it"));
    Tainted::new((1, 2)).split();
    Tainted::new(vec![1]).into_iter();
    Ok(())
}

use std::borrow::Cow;

use gaol::sandboxed;

#[sandboxed]
fn f(x: &str) -> gaol::Result<Cow<'_, str>> {
    Ok(x.into())
}

fn main() {
    let _ = f("x");
}

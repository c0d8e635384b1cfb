use std::borrow::Cow;

use gaol::sandboxed;

#[sandboxed]
fn f(x: Cow<'_, str>) -> gaol::Result<usize> {
    Ok(x.len())
}

fn main() {
    let _ = f("".into());
}

use gaol::sandboxed;

#[sandboxed]
fn f<'a>(x: &'a str) -> gaol::Result<usize> {
    Ok(x.len())
}

fn main() {
    let _ = f("x");
}

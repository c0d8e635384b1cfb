use gaol::sandboxed;

#[sandboxed]
fn f(x: &'static str) -> gaol::Result<usize> {
    Ok(x.len())
}

fn main() {
    let _ = f("x");
}

use gaol::sandboxed;

#[sandboxed]
fn f(x: &str) -> gaol::Result<&str> {
    Ok(x)
}

fn main() {
    let _ = f("x");
}

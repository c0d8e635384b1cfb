use gaol::sandboxed;

#[sandboxed]
fn f(x: (&str, u8)) -> gaol::Result<u8> {
    Ok(x.1)
}

fn main() {
    let _ = f(("", 1));
}

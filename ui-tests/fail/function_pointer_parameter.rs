use gaol::sandboxed;

#[sandboxed]
fn f(x: fn(u8) -> u8) -> gaol::Result<u8> {
    Ok(x(1))
}

fn main() {
    let _ = f(|x| x);
}

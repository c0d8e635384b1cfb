use gaol::sandboxed;

#[sandboxed]
fn f(x: u32) -> gaol::Result<u32> {
    let text: String = x;
    Ok(text)
}

fn main() {
    let _ = f(1);
}

use gaol::sandboxed;

#[sandboxed]
fn f(x: Unknown) -> gaol::Result<u32> {
    Ok(x.0)
}

fn main() {
    let _ = f(1);
}

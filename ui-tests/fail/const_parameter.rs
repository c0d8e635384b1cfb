use gaol::sandboxed;

#[sandboxed]
fn f<const N: usize>(x: [u8; N]) -> gaol::Result<usize> {
    Ok(x.len())
}

fn main() {
    let _ = f([1]);
}

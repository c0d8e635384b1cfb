use gaol::sandboxed;

#[sandboxed]
fn f(x: &mut Vec<u8>) -> gaol::Result<()> {
    x.push(1);
    Ok(())
}

fn main() {
    let _ = f(&mut Vec::new());
}

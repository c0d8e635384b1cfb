use gaol::sandboxed;

#[sandboxed]
const fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

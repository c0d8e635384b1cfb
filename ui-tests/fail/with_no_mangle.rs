use gaol::sandboxed;

#[sandboxed]
#[unsafe(no_mangle)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

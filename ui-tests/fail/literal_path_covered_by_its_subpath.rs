use gaol::sandboxed;

#[sandboxed(read = ["/etc", "literal:/etc/hosts"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

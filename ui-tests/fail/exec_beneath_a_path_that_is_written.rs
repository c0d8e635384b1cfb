use gaol::sandboxed;

#[sandboxed(write = "/opt", exec = ["/bin/true", "literal:/opt/tool"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

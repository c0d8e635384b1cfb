use gaol::sandboxed;

#[sandboxed(exec = "/opt/tool", write = "/opt/tool")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

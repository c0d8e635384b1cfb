use gaol::sandboxed;

#[sandboxed(exec = "/opt", write = ["/srv", "/opt/cache"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

use gaol::sandboxed;

#[sandboxed(env = ["TZ", "LANG", "TZ"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

use gaol::sandboxed;

#[sandboxed]
#[track_caller]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

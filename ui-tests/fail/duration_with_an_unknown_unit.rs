use gaol::sandboxed;

#[sandboxed(time = "2sec")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

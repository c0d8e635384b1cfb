use gaol::sandboxed;

#[sandboxed(file_size = "1PiB")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

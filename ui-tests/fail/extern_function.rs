use gaol::sandboxed;

#[sandboxed]
extern "Rust" fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

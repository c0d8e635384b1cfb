use gaol::sandboxed;

#[sandboxed]
unsafe fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = unsafe { f() };
}

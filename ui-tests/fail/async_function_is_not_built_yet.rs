use gaol::sandboxed;

#[sandboxed]
async fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    drop(f());
}

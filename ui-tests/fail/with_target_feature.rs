use gaol::sandboxed;

#[sandboxed]
#[target_feature(enable = "sse2")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}

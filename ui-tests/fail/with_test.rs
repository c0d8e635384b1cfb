use gaol::sandboxed;

#[sandboxed]
#[test]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {}

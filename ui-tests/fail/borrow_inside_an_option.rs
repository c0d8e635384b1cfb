use gaol::sandboxed;

#[sandboxed]
fn f(x: Option<&str>) -> gaol::Result<bool> {
    Ok(x.is_some())
}

fn main() {
    let _ = f(None);
}

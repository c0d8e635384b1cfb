use gaol::sandboxed;

#[sandboxed]
fn f() -> Result<u32, std::io::Error> {
    Ok(1)
}

fn main() {
    let _ = f();
}

use gaol::sandboxed;

#[sandboxed]
fn f(x: *const u8) -> gaol::Result<bool> {
    Ok(x.is_null())
}

fn main() {
    let _ = f(std::ptr::null());
}

use gaol::sandboxed;

#[sandboxed]
fn f() -> Option<u32> {
    Some(1)
}

fn main() {
    f();
}

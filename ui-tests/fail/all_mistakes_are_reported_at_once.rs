use gaol::sandboxed;

#[sandboxed(writes = "/a", read = ["x", "/b/"], time = 2, files = 0, exec = "true")]
#[unsafe(no_mangle)]
fn f(a: &mut u8, b: Option<&str>) -> &'static str {
    let _ = (a, b);
    "x"
}

fn main() {
    let _ = f(&mut 1, None);
}

use gaol::sandboxed;

#[sandboxed]
fn f(x: &str) -> &str {
    x
}

fn main() {
    f("x");
}

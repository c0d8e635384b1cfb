use gaol::sandboxed;

#[sandboxed]
fn f() -> () {}

fn main() {
    f();
}

use gaol::sandboxed;

#[sandboxed]
fn f() -> impl Send {}

fn main() {
    f();
}

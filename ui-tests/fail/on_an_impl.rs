use gaol::sandboxed;

struct S;

#[sandboxed]
impl S {
    fn f() {}
}

fn main() {
    S::f();
}

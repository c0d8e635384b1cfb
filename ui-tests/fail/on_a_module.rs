use gaol::sandboxed;

#[sandboxed]
mod m {
    pub fn f() {}
}

fn main() {
    m::f();
}

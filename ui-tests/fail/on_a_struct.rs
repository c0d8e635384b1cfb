use gaol::sandboxed;

#[sandboxed]
struct S {
    _field: u32,
}

fn main() {
    let _ = S { _field: 1 };
}

use gaol::sandboxed;

#[sandboxed]
enum E {
    A,
}

fn main() {
    let _ = E::A;
}

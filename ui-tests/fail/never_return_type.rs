use gaol::sandboxed;

#[sandboxed]
fn f() -> ! {
    loop {}
}

fn main() {}

use gaol::sandboxed;

#[sandboxed]
const C: u32 = 1;

fn main() {
    let _ = C;
}

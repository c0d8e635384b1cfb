use gaol::{Taint, Tainted};

#[derive(Taint)]
#[taint(rename = "Unsafe")]
struct Header {
    #[taint(skip)]
    width: u32,
    #[taint(skip)]
    height: u32,
}

fn main() {
    // All mistakes are reported at once, and cause none here.
    let TaintedHeader { width, height } = Tainted::new(Header { width: 1, height: 1 }).split();
    let _: (Tainted<u32>, Tainted<u32>) = (width, height);
}

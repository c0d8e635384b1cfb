use gaol::{Tainted, reason};

fn main() {
    let _ = Tainted::new(1).trust_because(reason!(""));
    let _ = Tainted::new(1).trust_because(reason!(" \t"));
    let _ = Tainted::new(1).trust_because(reason!("..."));
    let _ = Tainted::new(1).trust_because(reason!());
}

use gaol::{Tainted, reason};

const WHY: &str = "checked";

fn main() {
    let why = std::env::args().next().unwrap();
    let _ = Tainted::new(1).trust_because(reason!(why));
    let _ = Tainted::new(1).trust_because(reason!(&why));
    let _ = Tainted::new(1).trust_because(reason!(format!("checked by {why}")));
    let _ = Tainted::new(1).trust_because(reason!(WHY));
    let _ = Tainted::new(1).trust_because(reason!("checked by {}", why));
}

use gaol::{Reason, Tainted};

fn main() {
    let why = std::env::args().next().unwrap();
    let _ = Tainted::new(1).trust_because("parsed, length checked");
    let _ = Tainted::new(1).trust_because("");
    let _ = Tainted::new(1).trust_because(why.as_str());
    let _ = Tainted::new(1).trust_because(why);
    let _ = Tainted::new(1).trust_because(Reason { words: "because" });
}

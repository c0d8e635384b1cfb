use std::borrow::Borrow;

use gaol::Tainted;

fn by_as_ref(_: impl AsRef<str>) {}

fn by_borrow(_: impl Borrow<str>) {}

fn by_reference(_: &str) {}

fn main() {
    let text = Tainted::new("text".to_owned());
    let _ = *text;
    let _ = text.len();
    by_as_ref(text.clone());
    by_borrow(text.clone());
    by_reference(&text);
}

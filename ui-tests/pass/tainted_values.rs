#![deny(warnings)]

use std::collections::BTreeMap;

use gaol::{Reason, Tainted, TaintedIter, reason, sandboxed};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Header {
    width: u32,
    names: Vec<Tainted<String>>,
    first: Option<Tainted<u8>>,
}

#[sandboxed]
fn whole(bytes: &[u8]) -> gaol::Result<Tainted<Header>> {
    Ok(Header { width: bytes.len() as u32, names: Vec::new(), first: bytes.first().copied().map(Tainted::new) }.into())
}

#[sandboxed]
fn parts(header: Tainted<Header>, again: &Tainted<Header>) -> gaol::Result<(Tainted<u32>, Vec<Tainted<u8>>)> {
    let header = header.trust_because(reason!("nothing is done with it here"));
    let width = again.verify_ref(|header| if header.width < 100 { Ok(header.width) } else { Err(header.width) });
    Ok((width.unwrap_or(header.width).into(), header.first.into_iter().collect()))
}

fn accept<T>(value: Tainted<T>, reason: Reason) -> T {
    value.trust_because(reason)
}

macro_rules! accept_because {
    ($value:expr, $reason:literal) => {
        $value.trust_because(reason!($reason))
    };
}

fn main() {
    let _ = (whole, parts);

    const WHY: Reason = reason!("a constant of this program");
    const ZERO: Tainted<u8> = Tainted::new(0);
    assert_eq!(accept(ZERO, WHY), 0);
    assert_eq!(accept(Tainted::from(1), gaol::reason!("in a test",)), 1);
    assert_eq!(accept_because!(Tainted::new("x"), r"raw"), "x");

    let name = Tainted::new("name".to_owned());
    let length = name.verify_ref(|name| u8::try_from(name.len()));
    assert_eq!(length, Ok(4));
    let first: Result<&str, ()> = name.verify_ref(|name| name.split('a').next().ok_or(()));
    assert_eq!(first, Ok("n"));
    let name: Result<String, std::convert::Infallible> = name.verify(Ok);
    assert_eq!(name.as_deref(), Ok("name"));

    let map = Tainted::new(BTreeMap::from([(1, "a")]));
    let mut entries: TaintedIter<_> = map.into_iter();
    let (key, _value) = entries.next().unwrap().split();
    assert_eq!(key.verify(u8::try_from), Ok(1));

    // Printing it, or what holds it, prints its type.
    let printed = format!("{:?}", Some(Tainted::new("secret".to_owned())));
    assert_eq!(printed, "Some(Tainted<alloc::string::String>(..))");
}

#![no_implicit_prelude]
#![deny(warnings)]

#[derive(::gaol::Taint)]
struct Header {
    width: u32,
}

fn main() {
    let TaintedHeader { width } = ::gaol::Tainted::new(Header { width: 1 }).split();
    let _ = width.trust_because(::gaol::reason!("nobody looks at it"));
}

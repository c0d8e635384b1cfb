#![deny(warnings)]

extern crate gaol as sandbox;

// Nothing is at this path that generated code could name.
mod gaol {}

mod reexported {
    pub use sandbox::*;
    // Generated code names this, so a re-export needs it too.
    #[doc(hidden)]
    pub use sandbox::__private;
}

#[derive(sandbox::Taint)]
#[taint(crate = sandbox)]
struct Header {
    width: u32,
}

#[derive(reexported::Taint)]
#[taint(crate = crate::reexported)]
struct Size(u32);

fn main() {
    let TaintedHeader { width } = sandbox::Tainted::new(Header { width: 1 }).split();
    let TaintedSize(size) = sandbox::Tainted::new(Size(1)).split();
    let _ = width.trust_because(sandbox::reason!("nobody looks at it"));
    let _ = size.trust_because(reexported::reason!("nobody looks at it"));
}

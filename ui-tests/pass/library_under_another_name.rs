#![deny(warnings)]

extern crate gaol as sandbox;

mod reexported {
    pub mod deep {
        pub use sandbox::*;
        // Generated code names this, so a re-export needs it too.
        #[doc(hidden)]
        pub use sandbox::__private;
    }
}

#[sandbox::sandboxed(crate = sandbox, read = "/srv")]
fn direct(#[cfg(unix)] x: u32) -> sandbox::Result<u32> {
    Ok(x)
}

#[reexported::deep::sandboxed(crate = crate::reexported::deep, memory = size)]
fn through_a_module(size: u64) -> sandbox::Result<u64> {
    Ok(size)
}

fn main() {
    let _ = (direct, through_a_module);
}

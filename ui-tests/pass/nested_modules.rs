#![deny(warnings)]

mod outer {
    pub mod inner {
        use gaol::sandboxed;

        pub struct Hidden;

        #[sandboxed(time = "1s")]
        pub(in crate::outer) fn f(x: u32) -> gaol::Result<u32> {
            let _ = Hidden;
            Ok(super::helper(x))
        }
    }

    fn helper(x: u32) -> u32 {
        x
    }

    pub fn call() -> gaol::Result<u32> {
        inner::f(1)
    }
}

fn main() {
    let _ = outer::call;
}

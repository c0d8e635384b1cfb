#![deny(warnings)]

use gaol::sandboxed;

mod a {
    #[gaol::sandboxed]
    pub fn f() -> gaol::Result<u32> {
        Ok(1)
    }
}

mod b {
    #[gaol::sandboxed]
    pub fn f() -> gaol::Result<u32> {
        Ok(2)
    }
}

fn first() -> gaol::Result<u32> {
    #[sandboxed]
    fn f() -> gaol::Result<u32> {
        Ok(3)
    }
    f()
}

fn second() -> gaol::Result<u32> {
    #[sandboxed]
    fn f() -> gaol::Result<u32> {
        Ok(4)
    }
    f()
}

fn main() {
    let _functions: [fn() -> gaol::Result<u32>; 4] = [a::f, b::f, first, second];
}

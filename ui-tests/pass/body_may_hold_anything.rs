#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed]
fn f(n: u64) -> gaol::Result<u64> {
    struct Local(u64);
    impl Local {
        fn get(&self) -> u64 {
            self.0
        }
    }
    const BASE: u64 = 1;
    macro_rules! twice {
        ($e:expr) => {
            $e * 2
        };
    }
    let closure = |x: u64| -> gaol::Result<u64> { Ok(twice!(x)) };
    'outer: for i in 0.. {
        if i > n {
            break 'outer;
        }
    }
    if n == 0 {
        return Ok(BASE);
    }
    let previous = f(n - 1)?;
    Ok(closure(Local(previous).get())?)
}

fn main() {
    let _ = f;
}

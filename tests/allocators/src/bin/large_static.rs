//! A program with a large static, which its functions may use: it counts against their memory.

use std::sync::atomic::{AtomicU8, Ordering};

use gaol::{Error, Layer, sandboxed};

const MIB: usize = 1 << 20;

static TABLE: [AtomicU8; 48 * MIB] = [const { AtomicU8::new(0) }; 48 * MIB];

fn fill() -> usize {
    TABLE.iter().step_by(4096).map(|byte| usize::from(byte.fetch_add(1, Ordering::Relaxed) == 0)).sum()
}

#[sandboxed(memory = "64MiB")]
fn uses_it_and_more(more: usize) -> gaol::Result<(usize, usize)> {
    Ok((fill(), vec![1_u8; more].len()))
}

#[sandboxed(memory = "32MiB")]
fn may_have_less_than_it_is() -> gaol::Result<usize> {
    Ok(fill())
}

gaol::main! {
    fn main() {
        assert_eq!(uses_it_and_more(8 * MIB).expect("together less than the limit"), (48 * MIB / 4096, 8 * MIB));
        let result = uses_it_and_more(32 * MIB);
        assert!(matches!(result, Err(Error::OutOfMemory { .. })), "{result:?}");
        let error = may_have_less_than_it_is().expect_err("it stands ready");
        assert!(matches!(&error, Error::Unsupported { unsupported, .. } if unsupported.layer == Layer::Limits), "{error:?}");
        println!("{error}");
    }
}

//! Memory that was filled and then made read-only is no longer counted as writable, and is bounded all the same.

use gaol::{Layer, sandboxed};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

/// One piece of it.
const PIECE: usize = 16 << 20;

/// Fills pieces of memory and makes each read-only; says how many MiB it came to hold before it was refused, at most `most`.
#[allow(unsafe_code, reason = "memory is mapped by hand, which is the attack")]
fn hoard(most: usize) -> usize {
    let mut held = 0;
    while held < most {
        // SAFETY: a fresh private mapping at an address of the kernel's choice.
        let Ok(piece) = (unsafe {
            mmap_anonymous(std::ptr::null_mut(), PIECE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        }) else {
            break;
        };
        // SAFETY: the mapping is `PIECE` bytes long and writable.
        unsafe { std::ptr::write_bytes(piece.cast::<u8>(), 1, PIECE) };
        // SAFETY: it is this function's own mapping, and nothing points into it.
        if unsafe { mprotect(piece, PIECE, MprotectFlags::READ) }.is_err() {
            break;
        }
        held += PIECE >> 20;
    }
    held
}

#[sandboxed(memory = "64MiB")]
fn hoard_in_a_sandbox(most: usize) -> gaol::Result<usize> {
    Ok(hoard(most))
}

#[test]
fn what_a_child_can_hold_is_bounded() {
    // Twice the limit and 256 MiB, less what is rounded.
    let bound = 2 * 64 + 256;
    for tier_b in [false, true] {
        let _guard = tier_b.then(|| gaol::controls::without(&[Layer::Namespaces]));
        let held = hoard_in_a_sandbox(2048).expect("being refused memory is no failure of the call");
        assert!(held <= bound, "a child with 64 MiB came to hold {held} MiB");
        // The control: without limits the same child holds all it asks for.
        let _guard = gaol::controls::without(&[Layer::Limits]);
        assert_eq!(hoard_in_a_sandbox(1024).expect("nothing stops it"), 1024);
    }
}

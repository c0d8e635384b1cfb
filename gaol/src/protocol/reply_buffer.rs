//! Room for a reply: how much shared memory a worker asks for at once, which both sides reckon alike.

/// The most pieces of shared memory that a reply is in. Each is a descriptor of the application while the call lasts.
pub(crate) const MOST_PIECES: usize = 64;

/// The largest piece.
pub(crate) const LARGEST: u64 = 256 << 20;

/// The smallest, where more is left to ask for: so that many blocks do not ask each by itself.
const SMALLEST: u64 = 4 << 20;

/// How much may be asked for at once, by a worker with these limits; 0 where the whole reply is to stand in its frame.
///
/// A worker writes under its own limit on the size of files. Where that is so low that the pieces would be too many, there are none.
pub(crate) fn largest(file_size: Option<u64>, reply: Option<u64>) -> u64 {
    let largest = file_size.unwrap_or(LARGEST).min(LARGEST);
    // The first pieces are smaller, hence half.
    let holds = largest.saturating_mul(MOST_PIECES as u64 / 2);
    let enough = largest == LARGEST || reply.is_some_and(|reply| reply <= holds);
    if largest >= SMALLEST && enough { largest } else { 0 }
}

/// How much a worker asks for that has `held` bytes, needs `needed` more, and may have `left` more.
///
/// As much again as it has, so that pieces are few.
pub(crate) fn next(needed: u64, held: u64, largest: u64, left: u64) -> u64 {
    needed.max(SMALLEST).max(held).min(largest).min(left)
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, MOST_PIECES, SMALLEST, largest, next};

    /// How many pieces hold `reply` bytes that are asked for one by one.
    fn pieces(reply: u64, largest: u64) -> usize {
        let (mut held, mut pieces) = (0, 0);
        while held < reply {
            held += next(1, held, largest, reply - held);
            pieces += 1;
        }
        pieces
    }

    #[test]
    fn few_pieces_hold_any_reply_that_is_allowed() {
        for file_size in [SMALLEST, SMALLEST + 1, 5 << 20, 16 << 20, 100 << 20, LARGEST, 1 << 30] {
            for reply in [1, 1 << 20, 4 << 20, 64 << 20, 128 << 20, 1 << 30, 4 << 30, 8 << 30] {
                let largest = largest(Some(file_size), Some(reply));
                if largest > 0 {
                    let pieces = pieces(reply, largest);
                    assert!(pieces <= MOST_PIECES, "{reply} in pieces of at most {largest}: {pieces}");
                }
            }
        }
        assert_eq!(pieces(64 << 20, LARGEST), 5);
    }

    #[test]
    fn small_files_leave_the_reply_in_its_frame() {
        assert_eq!(largest(Some(SMALLEST - 1), Some(1 << 20)), 0);
        assert_eq!(largest(Some(SMALLEST), Some(1 << 30)), 0);
        assert_eq!(largest(Some(SMALLEST), None), 0);
        assert_eq!(largest(Some(SMALLEST), Some(64 << 20)), SMALLEST);
        assert_eq!(largest(None, None), LARGEST);
        assert_eq!(largest(Some(1 << 30), Some(64 << 20)), LARGEST);
    }

    #[test]
    fn no_more_is_asked_for_than_is_left() {
        assert_eq!(next(1, 0, LARGEST, 100), 100);
        assert_eq!(next(100 << 20, 0, LARGEST, u64::MAX), 100 << 20);
        assert_eq!(next(1 << 40, 0, LARGEST, u64::MAX), LARGEST);
        assert_eq!(next(1, 32 << 20, LARGEST, u64::MAX), 32 << 20);
    }
}

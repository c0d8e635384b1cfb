//! Quantiles of what was measured.

use std::time::Duration;

use serde::Serialize;

/// What is said of a set of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    #[serde(rename = "p50_us", serialize_with = "as_microseconds")]
    pub(crate) p50: Duration,
    #[serde(rename = "p90_us", serialize_with = "as_microseconds")]
    pub(crate) p90: Duration,
    #[serde(rename = "p99_us", serialize_with = "as_microseconds")]
    pub(crate) p99: Duration,
}

impl Summary {
    /// `None` where nothing was measured.
    pub(crate) fn of(samples: &[Duration]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        Some(Self {
            count: sorted.len(),
            p50: percentile(&sorted, 50)?,
            p90: percentile(&sorted, 90)?,
            p99: percentile(&sorted, 99)?,
        })
    }
}

/// The nearest rank: the smallest measurement that at least `percent` in a hundred do not exceed.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn as_microseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_nanos() as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!([50, 90, 99, 100].map(|percent| percentile(&sorted, percent)), [50, 90, 99, 100].map(Some));
        assert_eq!(percentile(&sorted, 0), Some(1));
    }

    #[test]
    fn a_percentile_of_few_is_one_of_them() {
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[1, 2], 50), Some(1));
        assert_eq!(percentile(&[1, 2, 3], 50), Some(2));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }

    #[test]
    fn a_summary_does_not_depend_on_the_order() {
        let [slow, fast, middle] = [30, 10, 20].map(Duration::from_micros);
        let summary = Summary::of(&[slow, fast, middle]).expect("there are measurements");
        assert_eq!((summary.count, summary.p50, summary.p99), (3, middle, slow));
        assert_eq!(Summary::of(&[]), None);
    }
}

//! Ten ways to write a sandboxed function, in edition 2021, under every lint that a strict user may turn on.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

/// What a text is made of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Words by length.
    pub words: BTreeMap<usize, usize>,
}

/// An error of the function's own.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// There was nothing to do.
    Empty,
    /// The call failed.
    Call(String),
}

impl From<gaol::Error> for Failure {
    fn from(error: gaol::Error) -> Self {
        Self::Call(error.to_string())
    }
}

/// The empty profile.
///
/// # Errors
///
/// When the call fails.
#[sandboxed]
pub fn one(text: &str) -> gaol::Result<Summary> {
    let mut words = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word.len()).or_default() += 1;
    }
    Ok(Summary { words })
}

/// Literals of every kind.
///
/// # Errors
///
/// When the call fails.
#[sandboxed(read = "/usr/share", env = ["LANG"], time = "10s", memory = "64MiB", files = 32, threads = 1, stdout = "null")]
pub fn two() -> gaol::Result<bool> {
    Ok(Path::new("/usr/share").is_dir())
}

/// A path that the call is about.
///
/// # Errors
///
/// When the path is not there, or the call fails.
#[sandboxed(read = path)]
pub fn three(path: &Path) -> gaol::Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}

/// An error type that crosses whole.
///
/// # Errors
///
/// `Failure::Empty` for no values.
#[sandboxed]
pub fn four(values: &[f64]) -> Result<f64, Failure> {
    if values.is_empty() {
        return Err(Failure::Empty);
    }
    Ok(values.iter().sum())
}

/// Patterns and `mut`.
///
/// # Errors
///
/// When the call fails.
#[sandboxed]
pub fn five((a, b): (u32, u32), mut rest: Vec<u32>, _: ()) -> gaol::Result<Vec<u32>> {
    rest.extend([a, b]);
    Ok(rest)
}

/// Constants as values.
///
/// # Errors
///
/// When the call fails.
#[sandboxed(memory = LIMIT, time = std::time::Duration::from_secs(5))]
pub fn six() -> gaol::Result<u64> {
    Ok(LIMIT)
}

const LIMIT: u64 = 128 << 20;

pub use renamed::seven;

/// In a module, and made by a macro.
pub mod inner {
    macro_rules! made {
        ($name:ident, $value:expr) => {
            /// Made by a macro.
            ///
            /// # Errors
            ///
            /// When the call fails.
            #[::gaol::sandboxed]
            pub fn $name() -> ::gaol::Result<u32> {
                Ok($value)
            }
        };
    }
    made!(eight, 8);
    made!(nine, 9);
}

/// Inside of a function.
///
/// # Errors
///
/// When the call fails.
pub fn ten() -> gaol::Result<PathBuf> {
    #[sandboxed(process = "exec")]
    #[inline]
    fn ten() -> gaol::Result<PathBuf> {
        Ok(std::env::current_dir()?)
    }
    ten()
}

/// Calls all of them.
///
/// # Panics
///
/// When one does not do what it is there for.
pub fn call_all() {
    assert_eq!(one("a bc de").unwrap().words, BTreeMap::from([(1, 1), (2, 2)]));
    assert!(two().unwrap());
    assert!(three(&std::env::current_exe().unwrap()).unwrap() > 1000);
    assert_eq!(four(&[]), Err(Failure::Empty));
    assert!((four(&[1.5, 2.5]).unwrap() - 4.0).abs() < f64::EPSILON);
    assert_eq!(five((1, 2), vec![3], ()).unwrap(), [3, 1, 2]);
    assert_eq!(six().unwrap(), LIMIT);
    assert_eq!(seven(6).unwrap(), 7);
    assert_eq!((inner::eight().unwrap(), inner::nine().unwrap()), (8, 9));
    assert_eq!(ten().unwrap(), Path::new("/"));
    let (one, two) = (twin_one::which().unwrap(), twin_two::which().unwrap());
    assert_eq!((one.0.as_str(), two.0.as_str()), ("1.0.0", "2.0.0"));
    assert_eq!(one.1, two.1, "they are described alike, or this shows nothing");
    println!("all ten work");
}

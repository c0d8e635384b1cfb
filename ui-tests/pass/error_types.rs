#![deny(warnings)]

use std::fmt;

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
enum Whole {
    Own,
    Sandbox(String),
}

impl From<gaol::Error> for Whole {
    fn from(error: gaol::Error) -> Self {
        Self::Sandbox(error.to_string())
    }
}

#[derive(Debug)]
enum InWords {
    Own(std::io::Error),
    Sandbox(gaol::Error),
}

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(error) => error.fmt(f),
            Self::Sandbox(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InWords {}

impl From<gaol::Error> for InWords {
    fn from(error: gaol::Error) -> Self {
        Self::Sandbox(error)
    }
}

#[sandboxed]
fn whole() -> Result<u32, Whole> {
    Err(Whole::Own)
}

#[sandboxed]
fn in_words() -> Result<u32, InWords> {
    Err(InWords::Own(std::io::Error::other("x")))
}

#[sandboxed]
fn boxed() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Err("x".into())
}

fn main() {
    let _ = (whole, in_words, boxed);
}

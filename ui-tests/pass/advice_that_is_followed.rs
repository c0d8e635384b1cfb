//! What the attribute's errors say to write instead, written.

use std::mem::size_of;

use gaol::sandboxed;

struct Counter {
    start: u64,
}

// "take what the function needs as parameters instead, here or outside the `impl`"
impl Counter {
    #[sandboxed]
    fn from_start(start: u64, text: &str) -> gaol::Result<u64> {
        Ok(start + text.len() as u64)
    }

    fn count(&self, text: &str) -> gaol::Result<u64> {
        Self::from_start(self.start, text)
    }
}

struct Generic<T>(T);

impl<T: Into<u64> + Copy> Generic<T> {
    #[sandboxed]
    fn add(number: u64) -> gaol::Result<u64> {
        Ok(number + 1)
    }

    fn next(&self) -> gaol::Result<u64> {
        Self::add(self.0.into())
    }
}

// "annotate a function in it that has a body and no `self`, or those of its `impl`s"
trait Measures {
    fn measure(text: &str) -> gaol::Result<usize>;

    #[sandboxed(threads = 1)]
    fn twice(number: usize) -> gaol::Result<usize> {
        Ok(number * 2)
    }
}

// "put `#[sandboxed]` on the functions of the trait's `impl`s"
impl Measures for Counter {
    #[sandboxed]
    fn measure(text: &str) -> gaol::Result<usize> {
        Ok(text.len())
    }
}

impl<T> Measures for Generic<T> {
    #[sandboxed]
    fn measure(text: &str) -> gaol::Result<usize> {
        Ok(text.chars().count())
    }
}

// "annotate the functions inside it"
mod inside {
    #[gaol::sandboxed]
    pub(crate) fn of_a_module() -> gaol::Result<()> {
        Ok(())
    }
}

// "call a sandboxed function for each type from a generic one"
trait Doubled: Sized {
    fn doubled(self) -> gaol::Result<Self>;
}

macro_rules! doubled {
    ($($number:ty)*) => {$(
        impl Doubled for $number {
            fn doubled(self) -> gaol::Result<Self> {
                #[sandboxed]
                fn doubled(number: $number) -> gaol::Result<$number> {
                    Ok(number * 2)
                }
                doubled(self)
            }
        }
    )*};
}

doubled! { u8 u16 }

fn double<T: Doubled>(number: T) -> gaol::Result<T> {
    number.doubled()
}

// "write the number, or take it as a parameter"
#[sandboxed]
fn of_so_many(bytes: &[u8; 4], count: usize) -> gaol::Result<usize> {
    Ok(bytes.len() + count)
}

// "elide it: write `&T`"
#[sandboxed]
fn elided(text: &str, other: &str) -> gaol::Result<String> {
    Ok(format!("{text}{other}"))
}

// "write `&mut String`"
#[sandboxed]
fn replaced(text: &mut String) -> gaol::Result<()> {
    text.push('!');
    Ok(())
}

// "take a `Vec<T>`", "take a struct"
#[derive(serde::Serialize, serde::Deserialize)]
struct Many {
    numbers: Vec<u8>,
}

#[sandboxed]
fn of_many(many: Many) -> gaol::Result<usize> {
    Ok(many.numbers.len())
}

// "pass an enum that says which one to call"
#[derive(serde::Serialize, serde::Deserialize)]
enum Which {
    Length,
    Half,
}

#[sandboxed]
fn by_name(which: Which, text: &str) -> gaol::Result<usize> {
    Ok(match which {
        Which::Length => text.len(),
        Which::Half => text.len() / 2,
    })
}

// "put it on a function that this one calls"
#[sandboxed]
fn calls_one_with_features() -> gaol::Result<bool> {
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse2"))]
    fn with_features() -> bool {
        true
    }
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("sse2") {
        return Ok(false);
    }
    #[allow(unused_unsafe)]
    Ok(unsafe { with_features() })
}

// "export a second function that calls this one"
#[sandboxed]
fn of_ours() -> gaol::Result<u8> {
    Ok(7)
}

#[unsafe(no_mangle)]
extern "C" fn of_theirs() -> u8 {
    of_ours().unwrap_or(0)
}

// "annotate a named function and call it"
fn by_a_closure() -> Vec<gaol::Result<u8>> {
    #[sandboxed]
    fn named(number: u8) -> gaol::Result<u8> {
        Ok(number)
    }
    (0..2).map(named).collect()
}

fn main() {
    // Compiled, not run: there is no entry point here.
    let _ = (Counter { start: 1 }.count("x"), Generic(1_u32).next(), Counter::measure(""), Generic::<u8>::measure(""));
    let _ = (<Counter as Measures>::twice(1), inside::of_a_module(), double(1_u8), double(1_u16), of_so_many(&[0; 4], size_of::<u8>()));
    let _ = (elided("", ""), replaced(&mut String::new()), of_many(Many { numbers: vec![] }), by_name(Which::Length, ""));
    let _ = (by_name(Which::Half, ""), calls_one_with_features(), of_theirs(), by_a_closure());
}

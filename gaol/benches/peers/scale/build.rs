//! Writes the sandboxed functions: as many as `GAOL_SCALE_FUNCTIONS` says, and some with as many operations as a power of ten.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// How many operations the functions with operations have.
const OPERATIONS: [usize; 4] = [1, 10, 100, 1000];

fn main() {
    println!("cargo::rerun-if-env-changed=GAOL_SCALE_FUNCTIONS");
    println!("cargo::rerun-if-changed=build.rs");
    // What a build of the whole workspace pays for is as little as there can be.
    let (count, most_operations) = match env::var("GAOL_SCALE_FUNCTIONS") {
        Ok(count) => (count.parse().expect("GAOL_SCALE_FUNCTIONS is a number"), usize::MAX),
        Err(_) => (1, 10),
    };
    let of: Vec<usize> = OPERATIONS.into_iter().filter(|count| *count <= most_operations).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo says where to write"));
    let mut text = String::new();
    functions(&mut text, count).expect("a string takes everything");
    operations(&mut text, &of, &out.join("granted")).expect("a string takes everything");
    fs::write(out.join("functions.rs"), text).expect("the directory for it is there");
}

/// Functions without operations, each with a profile of its own. Modules of a hundred keep the compiler's units small.
fn functions(text: &mut String, count: usize) -> std::fmt::Result {
    for module in 0..count.div_ceil(100) {
        writeln!(text, "mod functions_{module} {{")?;
        for number in module * 100..count.min((module + 1) * 100) {
            let memory = 64 + number % 100;
            writeln!(text, "#[gaol::sandboxed(memory = \"{memory}MiB\")]")?;
            writeln!(text, "pub(crate) fn f{number}(n: u64) -> gaol::Result<u64> {{ Ok(n + {}) }}", number + 1)?;
        }
        writeln!(text, "}}")?;
    }
    writeln!(text, "pub(crate) static FUNCTIONS: [Function; {count}] = [")?;
    for number in 0..count {
        writeln!(text, "functions_{}::f{number},", number / 100)?;
    }
    writeln!(text, "];")
}

/// Functions that may read files, which are made here so that they are there.
fn operations(text: &mut String, of: &[usize], granted: &Path) -> std::fmt::Result {
    fs::create_dir_all(granted).expect("the directory for it is there");
    let most = of.iter().copied().max().unwrap_or(0);
    let files: Vec<PathBuf> = (0..most).map(|number| granted.join(number.to_string())).collect();
    for file in &files {
        fs::write(file, "granted\n").expect("the directory was made");
    }
    for &count in of {
        writeln!(text, "#[gaol::sandboxed(read = {:?})]", &files[..count])?;
        writeln!(text, "fn operations_{count}(n: u64) -> gaol::Result<u64> {{ Ok(n + {}) }}", count + 1)?;
    }
    writeln!(text, "pub(crate) static OPERATIONS: [(usize, Function); {}] = [", of.len())?;
    for &count in of {
        writeln!(text, "({count}, operations_{count}),")?;
    }
    writeln!(text, "];")
}

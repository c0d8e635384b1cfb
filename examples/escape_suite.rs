//! The escape suite on this system: under profiles made by hand, and for every sandboxed function of this binary.
//!
//! `cargo run --example escape_suite`. It ends with a failure if an attack was not refused in the way in which it had to be.

use gaol::{AddressPattern, Operation, PathPattern, Profile, sandboxed};

gaol::main! {
    fn main() -> Result<(), Box<dyn std::error::Error>> {
        let profiles = [
            vec![],
            vec![Operation::FileReadAll(PathPattern::subpath("/usr/share")?)],
            vec![Operation::NetworkOutbound(AddressPattern::Tcp(443))],
        ];
        let mut tight = true;
        for operations in profiles {
            let wanted = format!("{operations:?}");
            // What this system cannot keep, it refuses: then there is nothing to attack.
            let profile = match Profile::new(operations) {
                Ok(profile) => profile,
                Err(error) => {
                    println!("{wanted}: {error}\n");
                    continue;
                }
            };
            let report = gaol::escape_suite::run(&profile)?;
            tight &= report.is_tight();
            println!("{report}\n");
        }
        for report in gaol::escape_suite::run_all()? {
            tight &= report.is_tight();
            println!("{report}\n");
        }
        println!("{} words", count_words("so it goes")?);
        if tight { Ok(()) } else { Err("an attack was not refused in the way in which it had to be".into()) }
    }
}

#[sandboxed(time = "2s", memory = "64MiB", violation = "kill")]
fn count_words(text: &str) -> gaol::Result<usize> {
    Ok(text.split_whitespace().count())
}

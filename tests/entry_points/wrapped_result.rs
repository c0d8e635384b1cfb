//! `gaol::main!` around a `main` that returns something.

use std::process::ExitCode;

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

gaol::main! {
    fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
        assert_eq!(doubles(21)?, 42);
        if std::env::args().nth(1).is_none() {
            return Err("as it should".into());
        }
        Ok(ExitCode::from(7))
    }
}

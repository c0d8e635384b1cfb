//! A library that a program loads which knows nothing of gaol: a plug-in, or an extension of an interpreter.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

/// Calls, prints what came of it to standard output, and gives how many milliseconds it took.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_calls() -> u64 {
    let begun = std::time::Instant::now();
    gaol::init();
    println!("{:?}", doubles(21).map_err(|error| error.to_string()));
    begun.elapsed().as_millis() as u64
}

//! A program that reads its arguments, and refuses those that it does not know, before it calls `gaol::init()`.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

fn main() {
    if let Some(argument) = std::env::args().nth(1) {
        eprintln!("error: Unrecognized option: '{argument}'");
        std::process::exit(101);
    }
    gaol::init();
    println!("{}", doubles(21).expect_err("a call from a program whose children end before they know themselves"));
}

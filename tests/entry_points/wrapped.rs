//! `gaol::main!` around a plain `main`.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

gaol::main! {
    fn main() {
        println!("main ran");
        println!("{}", doubles(21).expect("a call"));
    }
}

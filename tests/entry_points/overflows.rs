//! A function that uses up its stack, where the standard library has its handler in place.

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    overflow(room[3] + 1) + room[7]
}

#[gaol::sandboxed]
fn overflows() -> gaol::Result<u64> {
    Ok(overflow(0))
}

gaol::main! {
    fn main() {
        let error = overflows().expect_err("a stack has an end");
        println!("{error}");
    }
}

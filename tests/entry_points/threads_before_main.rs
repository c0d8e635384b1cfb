//! A program that starts a thread before `main`, where a zygote must not have one.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

#[used]
// SAFETY: the C runtime calls what stands here before `main`, with arguments that this function ignores.
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = start_a_thread;

extern "C" fn start_a_thread() {
    std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(3600)));
}

gaol::main! {
    fn main() {
        let error = doubles(21).expect_err("a call from a program with early threads");
        assert!(matches!(error, gaol::Error::Start { .. }), "{error:?}");
        println!("{error}");
        println!("{}", doubles(21).expect_err("and the next one"));
    }
}

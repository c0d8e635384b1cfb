//! A library that starts a thread before `main` unless a variable tells it not to, as OpenBLAS does: the variable reaches it, and no function.

#[gaol::sandboxed]
fn variables() -> gaol::Result<usize> {
    Ok(std::env::vars_os().count())
}

#[used]
// SAFETY: the C runtime calls what stands here before `main`, with arguments that this function ignores.
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = start_a_thread;

extern "C" fn start_a_thread() {
    if std::env::var_os("EARLY_THREADS").is_none_or(|threads| threads != "0") {
        std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(3600)));
    }
}

gaol::main! {
    fn main() {
        println!("{}", variables().expect_err("a call from a program with early threads"));
        gaol::zygote_environment([("EARLY_THREADS", "0")]);
        println!("{} variables", variables().expect("a call once the library was told"));
    }
}

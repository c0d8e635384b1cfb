//! The entry point that the macro makes.

gaol::main! {
    fn main() -> Result<(), std::io::Error> {
        outside::call_all();
        std::io::Write::flush(&mut std::io::stdout())
    }
}

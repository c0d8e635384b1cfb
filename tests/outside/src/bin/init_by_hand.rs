//! The entry point for those who write `main` by hand.

fn main() {
    gaol::init();
    outside::call_all();
}

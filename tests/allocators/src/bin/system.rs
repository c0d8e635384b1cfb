//! A program with the system's allocator: what holds with others holds with it.

gaol::main! {
    fn main() {
        allocators::check();
    }
}

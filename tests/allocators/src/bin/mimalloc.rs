//! A program whose allocator is mimalloc.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

gaol::main! {
    fn main() {
        allocators::check();
    }
}

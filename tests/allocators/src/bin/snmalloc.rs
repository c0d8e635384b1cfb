//! A program whose allocator is snmalloc.

#[global_allocator]
static ALLOCATOR: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;

gaol::main! {
    fn main() {
        allocators::check();
    }
}

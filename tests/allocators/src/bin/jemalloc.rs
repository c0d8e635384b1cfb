//! A program whose allocator is jemalloc.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

gaol::main! {
    fn main() {
        allocators::check();
    }
}

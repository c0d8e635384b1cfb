//! A program whose jemalloc has a thread from the start, in the application and in what it is forked into.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

// SAFETY: jemalloc reads a pointer to a C string under this name, which is what a reference to bytes begins with.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static CONFIGURATION: &[u8] = b"background_thread:true\0";

gaol::main! {
    fn main() {
        println!("{}", allocators::refused());
        gaol::zygote_environment([("_RJEM_MALLOC_CONF", "background_thread:false")]);
        allocators::check();
    }
}

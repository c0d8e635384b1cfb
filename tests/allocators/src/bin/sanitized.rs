//! A program that is built with a sanitizer, whose shadow of all memory nobody can bound.

gaol::main! {
    fn main() {
        allocators::check_refused();
    }
}

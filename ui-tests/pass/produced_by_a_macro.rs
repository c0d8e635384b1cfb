#![deny(warnings)]

macro_rules! reader {
    ($name:ident, $path:literal, $dir:expr, $type:ty) => {
        #[gaol::sandboxed(read = $path, write = $dir)]
        fn $name(x: $type, path: &std::path::Path) -> gaol::Result<usize> {
            Ok(x.len() + path.as_os_str().len())
        }
    };
}

reader!(first, "/srv", "/var", &str);
reader!(second, "/etc", std::env::temp_dir(), Vec<u8>);

fn main() {
    let _ = (first, second);
}

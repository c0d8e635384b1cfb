mod parser {
    #[derive(gaol::Taint)]
    pub struct Header {
        pub width: u32,
        checksum: u32,
    }

    impl Header {
        pub fn new() -> Self {
            Self { width: 1, checksum: 2 }
        }
    }
}

use gaol::Tainted;

fn main() {
    let fields = Tainted::new(parser::Header::new()).split();
    let _ = fields.width;
    let _ = fields.checksum;
}

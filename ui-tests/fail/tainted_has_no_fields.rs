use gaol::Tainted;

struct Header {
    width: u32,
}

fn main() {
    let header = Tainted::new(Header { width: 1 });
    let _ = header.width;
    let _ = header.0;
    let Tainted(_inner) = header;
}

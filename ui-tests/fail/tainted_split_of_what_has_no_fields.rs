use gaol::Tainted;

enum Shape {
    Point,
}

struct Size {
    _width: u32,
}

fn main() {
    let _ = Tainted::new(Shape::Point).split();
    let _ = Tainted::new(Size { _width: 1 }).split();
}

use gaol::{Taint, Tainted};

#[derive(Taint)]
enum Shape {
    Point,
    Circle(u32),
}

fn main() {
    let _ = Tainted::new(Shape::Point);
    let _ = Shape::Circle(1);
}

use gaol::Tainted;

#[derive(Clone, Copy)]
struct Width(u32);

fn allocate(width: Width) {
    let _ = width.0;
}

fn main() {
    let width = Tainted::new(Width(1));
    allocate(width);
    let _: Width = width.into();
    let _ = Width::from(width);
    let _ = Tainted::new(1_u32) + 1;
    let _ = Tainted::new(1_u32) as u64;
    if Tainted::new(true) {}
}

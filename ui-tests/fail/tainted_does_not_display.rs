use gaol::Tainted;

fn main() {
    let name = Tainted::new("name".to_owned());
    println!("{name}");
    let _ = name.to_string();
}

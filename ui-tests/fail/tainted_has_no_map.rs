use gaol::Tainted;

fn main() {
    let name = Tainted::new("name".to_owned());
    let _ = name.map(|name| name.len());
}

use gaol::sandboxed;

struct NotSerde(u32);

#[sandboxed]
fn f(x: &NotSerde) -> gaol::Result<u32> {
    Ok(x.0)
}

fn main() {
    let _ = f(&NotSerde(1));
}

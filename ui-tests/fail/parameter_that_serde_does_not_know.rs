use gaol::sandboxed;

struct NotSerde(u32);

#[sandboxed]
fn f(count: u32, x: NotSerde) -> gaol::Result<u32> {
    Ok(count + x.0)
}

fn main() {
    let _ = f(1, NotSerde(1));
}

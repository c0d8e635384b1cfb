use gaol::sandboxed;

struct NotSerde(u32);

#[sandboxed]
fn f() -> gaol::Result<NotSerde> {
    Ok(NotSerde(1))
}

fn main() {
    let _ = f();
}

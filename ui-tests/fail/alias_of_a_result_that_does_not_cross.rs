use gaol::sandboxed;

struct NotSerde(u32);

type Outcome = gaol::Result<NotSerde>;

#[sandboxed]
fn f() -> Outcome {
    Ok(NotSerde(1))
}

fn main() {}

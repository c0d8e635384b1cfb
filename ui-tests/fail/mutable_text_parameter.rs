use gaol::sandboxed;

#[sandboxed]
fn f(text: &mut str) -> gaol::Result<usize> {
    Ok(text.len())
}

fn main() {}

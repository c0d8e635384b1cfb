use gaol::sandboxed;

#[sandboxed(exec = program)]
fn f(program: u32) -> gaol::Result<u32> {
    Ok(program)
}

fn main() {
    let _ = f(1);
}

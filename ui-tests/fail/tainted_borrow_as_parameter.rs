use gaol::{Tainted, sandboxed};

#[sandboxed]
fn render(text: Tainted<&str>) -> gaol::Result<()> {
    let _ = text;
    Ok(())
}

fn main() {
    let _ = render(Tainted::new("text"));
}

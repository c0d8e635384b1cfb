use gaol::sandboxed;

#[sandboxed(time = seconds)]
fn f(seconds: f64) -> gaol::Result<f64> {
    Ok(seconds)
}

fn main() {
    let _ = f(1.0);
}

use gaol::sandboxed;

fn helper(x: u32) -> u32 {
    x + 1
}

#[sandboxed(reed = "/data")]
pub fn f(x: u32) -> gaol::Result<u32> {
    Ok(helper(x))
}

fn main() {
    let sum: u32 = f(1).unwrap_or(0) + f(2).unwrap_or(0);
    println!("{sum}");
}

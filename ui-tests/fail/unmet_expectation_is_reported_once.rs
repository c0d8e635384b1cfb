#![deny(unfulfilled_lint_expectations)]

use gaol::sandboxed;

#[sandboxed]
#[expect(unused_variables)]
fn f(x: u32) -> gaol::Result<u32> {
    Ok(x)
}

fn main() {
    let _ = f(1);
}

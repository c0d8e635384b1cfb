use std::fs::File;

use gaol::sandboxed;

struct Job {
    name: String,
    input: File,
}

#[sandboxed]
fn f(job: Job) -> gaol::Result<usize> {
    Ok(job.name.len())
}

fn main() {}

#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(read = ["/data", "/database"], write = "/data/out", metadata = "/", net = ["tcp:1", "tcp:65535"])]
fn paths() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(time = "1s", cpu = "4s", threads = 4)]
fn threads_share_cpu_time() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(
    time = "none",
    cpu = "2h",
    memory = "none",
    files = "none",
    threads = "none",
    file_size = "none",
    reply = "none"
)]
fn no_limits() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _functions: [fn() -> gaol::Result<()>; 3] = [paths, threads_share_cpu_time, no_limits];
}

#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(
    read = ["/srv", "/etc/ssl"],
    write = "/var/cache/app",
    metadata = "/usr/share",
    exec = "/usr/bin/convert",
    net = ["tcp:443", "tcp:80"],
    listen = "tcp:8080",
    system = "info",
    env = ["LANG", "TZ"],
    time = "2min",
    cpu = "1500ms",
    memory = "256MiB",
    files = 8,
    threads = "none",
    file_size = "4KiB",
    reply = "none",
    stdout = "null",
    stderr = "inherit",
    process = "exec",
    violation = "kill",
)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _function: fn() -> gaol::Result<()> = f;
}

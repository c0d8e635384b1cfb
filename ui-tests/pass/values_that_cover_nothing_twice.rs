#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(read = ["/data", "/database"], write = "/data/out", metadata = "/", net = ["tcp:1", "tcp:65535"])]
fn paths() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(read = "literal:/data", write = "literal:/data", metadata = ["/data/a", "literal:/etc/hosts"])]
fn literal_paths() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(net = ["all", "unix:/run/x.sock"], listen = ["tcp:53", "udp:53"])]
fn addresses() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(exec = "/opt/tool", write = ["/opt/tools", "/opt/data"], read = "/opt/data", threads = 2, process = "exec")]
fn programs_beside_what_is_written() -> gaol::Result<()> {
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
    let _functions: [fn() -> gaol::Result<()>; 6] = [
        paths,
        literal_paths,
        addresses,
        programs_beside_what_is_written,
        threads_share_cpu_time,
        no_limits,
    ];
}

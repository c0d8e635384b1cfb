#![deny(warnings)]

use std::path::PathBuf;
use std::time::Duration;

use gaol::{OnViolation, Output, sandboxed};

const SYSTEM: &str = "info";
const MINUTE: Duration = Duration::from_secs(60);

fn out() -> Output {
    Output::Null
}

#[sandboxed(
    read = dir,
    write = dir.join("out"),
    metadata = ["/usr/share", concat!("/etc", "/ssl")],
    exec = dir.join("tool"),
    net = format!("tcp:{port}"),
    listen = [format!("tcp:{port}"), format!("udp:{port}")],
    system = SYSTEM,
    env = names,
    time = MINUTE,
    cpu = MINUTE / 2,
    memory = u64::from(size) << 20,
    files = size + 1,
    threads = size,
    file_size = "1" .to_owned() + "MiB",
    reply = 1 << 20,
    stdout = out(),
    stderr = out(),
    violation = if size > 1 { OnViolation::Deny } else { OnViolation::Kill },
)]
fn f(dir: PathBuf, port: u16, names: Vec<String>, size: u32) -> gaol::Result<usize> {
    Ok(dir.as_os_str().len() + names.len() + usize::from(port) + size as usize)
}

fn main() {
    let _function: fn(PathBuf, u16, Vec<String>, u32) -> gaol::Result<usize> = f;
}

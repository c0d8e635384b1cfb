#![deny(warnings)]

use gaol::sandboxed;

#[sandboxed(exec = ["/usr/bin/convert", "literal:/bin/true"])]
fn programs() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(net = "udp:53")]
fn udp() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(net = "unix:/run/x.sock")]
fn local_socket() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(net = "all", listen = "all")]
fn every_address() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(listen = ["tcp:8080", "udp:53"])]
fn listens() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(system = "info")]
fn asks_the_system() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _functions: [fn() -> gaol::Result<()>; 6] =
        [programs, udp, local_socket, every_address, listens, asks_the_system];
}

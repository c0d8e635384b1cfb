//! Each layer stops what it is there for: with it left out, and no other, the same is possible.

use std::fs;
use std::os::unix::fs::chown;

use gaol::Layer;
use libc::{EACCES, EAFNOSUPPORT, EPERM};

use super::stage::{Attempt, activate, attempt, errno_of, fork, is_refused, metadata, read, untried, works, written};
use crate::support::alone::place;

alone_as_each_user! {
    landlock_stops_files_and_ports: leaves_landlock_out;
    seccomp_stops_sockets_and_processes: leaves_seccomp_out;
    limits_stop_memory: leaves_limits_out;
    hygiene_leaves_the_directory: leaves_hygiene_out;
    capabilities_are_what_root_is_without: leaves_capabilities_out;
}

/// Under every layer the attempts are refused, and with one left out they work.
fn depends_on(layers: &[Layer], text: &str, attempts: &[Attempt<'_>]) {
    fork(|| {
        activate(written(text));
        is_refused(attempts);
    })
    .is_success();
    fork(|| {
        let _guard = gaol::controls::without(layers);
        let enforcement = activate(written(text));
        assert!(layers.iter().all(|layer| !enforcement.has(*layer)), "{enforcement}");
        works(attempts);
    })
    .is_success();
}

fn leaves_landlock_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    depends_on(
        &[Layer::Landlock],
        "read = \"/usr\"\nnet = \"tcp:1\"",
        &[
            attempt("read a file", EACCES, || fs::read("/etc/passwd")),
            attempt("look at a file", EACCES, || fs::metadata("/etc/passwd")),
            attempt("connect", EACCES, || std::net::TcpStream::connect(address)),
        ],
    );
}

fn leaves_seccomp_out() {
    let path = place().join(format!("changed-{}", std::process::id()));
    fs::write(&path, "").expect("a file");
    depends_on(
        &[Layer::Seccomp],
        "read = \"/usr\"",
        &[
            attempt("open a socket", EAFNOSUPPORT, || std::net::UdpSocket::bind("127.0.0.1:0")),
            attempt("look at a file", EACCES, || fs::metadata(&path)),
            attempt("change its mode", EPERM, || {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            }),
            attempt("fork", EPERM, || {
                let answer = super::stage::syscall(libc::SYS_clone, [17, 0, 0, 0, 0, 0])?;
                if answer == 0 {
                    let _ = super::stage::syscall(libc::SYS_exit_group, [0; 6]);
                }
                Ok(())
            }),
        ],
    );
}

fn leaves_limits_out() {
    let allocate = || {
        let mut room: Vec<u8> = Vec::new();
        room.try_reserve_exact(64 << 20).map_err(|_| std::io::Error::from_raw_os_error(libc::ENOMEM))
    };
    depends_on(&[Layer::Limits], "memory = \"32MiB\"", &[attempt("allocate", libc::ENOMEM, allocate)]);
}

fn leaves_hygiene_out() {
    let here = std::env::current_dir().expect("a directory");
    for (layers, expected) in [(&[][..], "/".into()), (&[Layer::Hygiene][..], here)] {
        fork(|| {
            let _guard = gaol::controls::without(layers);
            activate(untried(&[metadata("/"), read("/usr")]));
            assert_eq!(std::env::current_dir().expect("a directory"), expected);
        })
        .is_success();
    }
}

fn leaves_capabilities_out() {
    let path = place().join(format!("owned-{}", std::process::id()));
    fs::write(&path, "").expect("a file");
    let change = || chown(&path, Some(1), Some(1));
    if !rustix::process::geteuid().is_root() {
        assert_eq!(errno_of(change()), Some(EPERM), "who is not root has none");
        return;
    }
    // Where the filter does not refuse it anyway.
    for (layers, expected) in [(&[Layer::Seccomp][..], Some(EPERM)), (&[Layer::Seccomp, Layer::Capabilities][..], None)]
    {
        fork(|| {
            let _guard = gaol::controls::without(layers);
            activate(written("read = \"/usr\""));
            assert_eq!(errno_of(change()), expected);
        })
        .is_success();
    }
}

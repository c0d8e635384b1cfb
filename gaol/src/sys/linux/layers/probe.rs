//! The self-probe: canaries that every template must fail to fly before it serves.
//!
//! # Safety
//!
//! One canary is a system call by number, made with a pointer to a live C string.
#![allow(unsafe_code)]

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use crate::support::Layer;
use crate::sys::plan::{Need, Plan, Reason, Refusal};
use crate::sys::{own_refusal, refusal_for};

/// Tries what no profile of this shape allows. Whatever succeeds is a layer that was entered and does not hold.
pub(crate) fn canaries(plan: &Plan, landlocked: bool) -> Result<(), Refusal> {
    let filtered = plan.layers.has(Layer::Seccomp);
    // With `violation = "kill"` a call that the filter refuses outright would end the template itself.
    let lethal = filtered && plan.kill_on_violation;
    if (landlocked && plan.has_paths()) || (filtered && !lethal && !plan.has_paths()) {
        open_root(plan)?;
    }
    if landlocked && !plan.network.tcp_outbound.judged().is_empty() {
        connect(plan)?;
    } else if filtered {
        make_socket(plan)?;
    }
    if filtered {
        make_memory_file()?;
    }
    Ok(())
}

/// The same for what the filter asks about, once somebody answers.
pub(crate) fn answered_canaries(plan: &Plan) -> Result<(), Refusal> {
    if plan.judged_listeners().is_none() {
        return Ok(());
    }
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)
        .map_err(|errno| flew(Layer::Seccomp, "socket(AF_INET)", errno))?;
    // It was not bound, so it would listen on a port of the kernel's choice.
    match rustix::net::listen(&socket, 1) {
        Err(Errno::ACCESS) => Ok(()),
        Ok(()) => Err(flown(Layer::Seccomp, "listen")),
        // Whoever is asked could not look at the socket: another security module keeps processes apart.
        Err(errno) => {
            let step = "look at sockets that are to listen: pidfd_getfd";
            Err(Refusal {
                reason: Reason::Operation,
                need: Need::LookAtListeners,
                ..refusal_for(Layer::Seccomp, step, "listen".to_owned(), &errno.into())
            })
        }
    }
}

/// Opens `/` for reading, which every machine has and only a profile that names it may read.
fn open_root(plan: &Plan) -> Result<(), Refusal> {
    if plan.sees_everything() {
        return Ok(());
    }
    match rustix::fs::open(c"/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::ACCESS | Errno::PERM) => Ok(()),
        Err(errno) => Err(flew(Layer::Landlock, "open(\"/\")", errno)),
        Ok(_) => Err(flown(Layer::Landlock, "open(\"/\")")),
    }
}

/// Connects to a port that is not granted.
fn connect(plan: &Plan) -> Result<(), Refusal> {
    let Some(port) = (1..=u16::MAX).find(|port| !plan.network.tcp_outbound.contains(*port)) else { return Ok(()) };
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)
        .map_err(|errno| flew(Layer::Seccomp, "socket(AF_INET)", errno))?;
    match rustix::net::connect(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port)) {
        Err(Errno::ACCESS) => Ok(()),
        Err(errno) => Err(flew(Layer::Landlock, "connect", errno)),
        Ok(()) => Err(flown(Layer::Landlock, "connect")),
    }
}

/// Makes a socket of a family that the profile does not have.
fn make_socket(plan: &Plan) -> Result<(), Refusal> {
    let descendants = if plan.network.is_empty() { AddressFamily::INET } else { AddressFamily::NETLINK };
    match rustix::net::socket(descendants, SocketType::RAW, None) {
        Err(Errno::AFNOSUPPORT) => Ok(()),
        Err(errno) => Err(flew(Layer::Seccomp, "socket", errno)),
        Ok(_) => Err(flown(Layer::Seccomp, "socket")),
    }
}

/// Makes a system call that the filter answers with an errno of its own.
fn make_memory_file() -> Result<(), Refusal> {
    // SAFETY: the name is a C string that lives through the call; the kernel would copy it.
    let answer = unsafe { libc::syscall(libc::SYS_memfd_create, c"canary".as_ptr(), 0) };
    if answer >= 0 {
        return Err(flown(Layer::Seccomp, "memfd_create"));
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM) => Ok(()),
        errno => Err(flew(Layer::Seccomp, "memfd_create", Errno::from_raw_os_error(errno.unwrap_or(0)))),
    }
}

/// A canary that was let out.
fn flown(layer: Layer, step: &str) -> Refusal {
    own_refusal(layer, &format!("self-probe: {step} was not refused"), String::new(), Reason::Canary)
}

/// A canary that was stopped by something else than the layer.
fn flew(layer: Layer, step: &str, errno: Errno) -> Refusal {
    Refusal {
        errno: errno.raw_os_error(),
        ..own_refusal(layer, &format!("self-probe: {step}"), String::new(), Reason::Canary)
    }
}

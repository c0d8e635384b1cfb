//! Linux: the layers of a template, in their order.

pub(crate) mod layers;
pub(crate) mod os;
pub(crate) mod paths;
pub(crate) mod plan;
pub(crate) mod programs;
pub(crate) mod supervise;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::LazyLock;

use seccompiler::BpfProgram;

use crate::support::{Layer, Layers};
use crate::sys::layers::landlock::{Opening, OwnDomain};
use crate::sys::layers::namespaces::Ids;
use crate::sys::layers::prewarmed::Prewarmed;
use crate::sys::layers::seccomp::{Gate, Paths, Shape};
use crate::sys::layers::{capabilities, hygiene, landlock, limits, namespaces, probe, seccomp, sigsys, steps};
use crate::sys::plan::{Grant, Kind, Need, Plan, Ports, Reason, Refusal};
use crate::sys::supervise::notification;

/// How many processors this process may run on. To find out takes opening files, so it is found out once; a zygote does before it forks, for
/// its children may not.
pub(crate) static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));

/// What was really entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entered {
    pub(crate) layers: Layers,
    pub(crate) landlock_abi: u32,
    /// What the kernel answered where it has no Landlock.
    pub(crate) landlock_errno: i32,
}

/// What entering the layers gives.
pub(crate) struct Confined {
    pub(crate) entered: Entered,
    /// Where the filter puts its questions to, if it asks, unless prewarming has made it.
    pub(crate) listener: Option<OwnedFd>,
    /// What each worker is to enter beside that, where there is Landlock.
    pub(crate) own_domain: Option<OwnDomain>,
    /// The kernel's list of the mounts of a private root, where modes and times are judged by it.
    pub(crate) mounts: Option<OwnedFd>,
}

/// Enters every layer of `plan`, then checks that they hold. This cannot be undone.
///
/// With `prewarmed` some of it is done already, for a plan that differs in its paths.
///
/// Runs in the *setup* window of a template: a single-threaded process forked into the namespaces that
/// [`os::spawn::namespace_flags`] names, whose only descriptors are the three standard streams and its control socket.
///
/// # Errors
///
/// The refusal names the layer, the step and the errno. The process is then fit for nothing but exiting.
pub(crate) fn enter(plan: &Plan, ids: Ids, prewarmed: Option<Prewarmed>) -> Result<Confined, Refusal> {
    let abi = abi_for(plan);
    requirements(plan, abi)?;
    let mut prewarmed = match prewarmed {
        Some(prewarmed) => prewarmed,
        None => Prewarmed::lay(plan, ids)?,
    };
    prewarmed.check(plan)?;
    steps::at(Layer::Landlock, "landlock_create_ruleset");
    let ruleset = if plan.layers.has(Layer::Landlock) { landlock::prepare(plan, abi)? } else { None };
    let (ruleset, mounts) = if plan.layers.has(Layer::Namespaces) {
        namespaces::enter(plan, prewarmed.root.take(), ruleset)?
    } else {
        steps::at(Layer::Landlock, "landlock_add_rule");
        (landlock::grant_paths(plan, ruleset, Opening::Name)?, None)
    };
    if plan.layers.has(Layer::Capabilities) {
        steps::at(Layer::Capabilities, "capset");
        capabilities::drop_all()?;
    }
    // Whoever is asked about a socket must be able to look at it. A function lets them while it asks, a program is to be looked at anyway.
    if plan.layers.has(Layer::Hygiene) && (plan.judged_listeners().is_none() || !plan.runs_programs()) {
        steps::at(Layer::Hygiene, "prctl(PR_SET_DUMPABLE, 0)");
        hygiene::forbid_dumps()?;
    }
    if plan.layers.has(Layer::Limits) {
        steps::at(Layer::Limits, "prlimit");
        limits::enter(plan, prewarmed.usage)?;
    }
    capabilities::forbid_new_privileges()?;
    let landlocked = ruleset.is_some();
    let mut listener = None;
    steps::at(Layer::Landlock, "landlock_restrict_self");
    let own_domain = ruleset.map(landlock::Preparing::enter).transpose()?;
    steps::at(Layer::Seccomp, "seccomp(SECCOMP_SET_MODE_FILTER)");
    if plan.layers.has(Layer::Seccomp) {
        sigsys::lead_to(plan.grants.iter().map(Grant::path).chain(plan.links.iter().map(|link| link.at.as_path())));
        match prewarmed.rest_of_filter() {
            Some(rest) => seccomp::install(&rest).map_err(|error| filter_refusal(&error))?,
            None => {
                answer_traps()?;
                listener = filter(plan)?;
            }
        }
    }
    steps::at(Layer::Seccomp, "self-probe");
    probe::canaries(plan, landlocked)?;
    let layers = if landlocked { plan.layers } else { plan.layers.without(Layer::Landlock) };
    let landlock_abi = if landlocked { abi.version } else { 0 };
    let entered = Entered { layers, landlock_abi, landlock_errno: abi.errno };
    Ok(Confined { entered, listener, own_domain, mounts })
}

/// Puts the process under the template's filter. Gives the listener of one that asks.
fn filter(plan: &Plan) -> Result<Option<OwnedFd>, Refusal> {
    let shape = shape(plan);
    enter_filter(plan, &shape, &seccomp::template_filter(&shape))
}

/// Has the traps of a filter answered. To be done before it is entered, and once: the filter refuses it.
pub(crate) fn answer_traps() -> Result<(), Refusal> {
    sigsys::install_handler().map_err(|error| refusal(Layer::Seccomp, "rt_sigaction(SIGSYS)", &error))
}

/// Installs a filter of this shape.
pub(crate) fn enter_filter(plan: &Plan, shape: &Shape, filter: &BpfProgram) -> Result<Option<OwnedFd>, Refusal> {
    sigsys::allow_listening(seccomp::shows_itself(shape));
    if shape.asks() {
        return notification::install(filter).map(Some).map_err(|error| asking_refusal(plan, &error));
    }
    seccomp::install(filter).map_err(|error| filter_refusal(&error))?;
    Ok(None)
}

fn filter_refusal(error: &std::io::Error) -> Refusal {
    refusal(Layer::Seccomp, "seccomp(SECCOMP_SET_MODE_FILTER)", error)
}

/// Takes the last step of a process that put itself under a profile: what a worker's filter takes back from a template.
///
/// # Errors
///
/// The kernel's, at installing the filter.
pub(crate) fn settle(plan: &Plan, report: sigsys::Report) -> Result<(), Refusal> {
    if plan.layers.has(Layer::Limits) {
        limits::limit_files(plan)?;
        limits::lower_cpu(plan)?;
    }
    if !plan.layers.has(Layer::Seccomp) {
        return Ok(());
    }
    let shape = shape(plan);
    sigsys::arm(handler_mode(&shape), report);
    let pid = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
    seccomp::install(seccomp::WorkerFilter::new(&shape).of(pid)).map_err(|error| filter_refusal(&error))
}

/// Why a process could not be narrowed.
pub(crate) struct NotNarrowed {
    pub(crate) refusal: Refusal,
    /// Something was taken away already.
    pub(crate) partly: bool,
}

/// Takes away from a process that is under a profile, what a narrower plan does not allow. This cannot be undone.
///
/// `mapped` is what the process has mapped already, in bytes.
///
/// # Errors
///
/// As of [`enter`]. Landlock comes first, since its rulesets are what a process may run out of: then nothing was taken away.
pub(crate) fn narrow(plan: &Plan, mapped: u64, report: sigsys::Report) -> Result<(), NotNarrowed> {
    let untouched = |refusal| NotNarrowed { refusal, partly: false };
    let partly = |refusal| NotNarrowed { refusal, partly: true };
    let ruleset = if plan.layers.has(Layer::Landlock) {
        landlock::prepare(plan, landlock::abi()).map_err(untouched)?
    } else {
        None
    };
    let ruleset = landlock::grant_paths(plan, ruleset, Opening::Contents).map_err(untouched)?;
    let landlocked = ruleset.is_some();
    if let Some(ruleset) = ruleset {
        // Of two rulesets the first may have been entered.
        let two = ruleset.has_udp();
        ruleset.enter().map_err(|refusal| NotNarrowed { refusal, partly: two })?;
    }
    if plan.layers.has(Layer::Limits) {
        limits::lower_all(plan, mapped).map_err(partly)?;
    }
    if plan.layers.has(Layer::Seccomp) {
        filter(plan).map_err(partly)?;
    }
    settle(plan, report).map_err(partly)?;
    probe::canaries(plan, landlocked).map_err(partly)
}

/// Where a filter that asks cannot be installed, one that does not still can: what it would ask about is what cannot be kept.
fn asking_refusal(plan: &Plan, error: &std::io::Error) -> Refusal {
    let step = "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)";
    let refusal = match (plan.counted_threads(), plan.judged_listeners()) {
        (Some(threads), _) => {
            let need = if plan.runs_programs() { Need::CountThreadsOfPrograms } else { Need::CountThreads };
            refusal_for(Layer::Limits, step, format!("threads = {threads}"), error).needed_for(need)
        }
        (None, _) => {
            refusal_for(Layer::Seccomp, step, "`listen`".to_owned(), error).needed_for(Need::AskAboutListeners)
        }
    };
    if refusal.reason == Reason::Layer { Refusal { reason: Reason::Operation, ..refusal } } else { refusal }
}

/// What the filters depend on.
pub(crate) fn shape(plan: &Plan) -> Shape {
    let paths = if !plan.has_paths() {
        Paths::None
    } else if plan.has_private_root() || plan.sees_everything() || !plan.layers.has(Layer::Landlock) {
        Paths::Visible
    } else {
        Paths::Judged
    };
    Shape {
        paths,
        write: plan.writes(),
        private_root: plan.has_private_root(),
        tcp: !plan.network.tcp_outbound.is_empty(),
        udp: !plan.network.udp_outbound.is_empty(),
        unix: plan.connects_locally(),
        listen: match &plan.network.tcp_inbound {
            Ports::Every => Gate::Open,
            ports if ports.is_empty() => Gate::Closed,
            _ if plan.judged_listeners().is_some() => Gate::ZygoteRequest,
            _ => Gate::Open,
        },
        // A datagram socket is bound before it sends; Landlock judges to which port.
        bind_udp: !plan.network.udp_inbound.is_empty() || !plan.network.udp_outbound.is_empty(),
        exec: plan.runs_programs(),
        system_info: plan.system_info,
        narrows: plan.narrows,
        threads: match (plan.threads, plan.counted_threads()) {
            (Some(1), _) => Gate::Closed,
            (_, Some(_)) => Gate::ZygoteRequest,
            _ => Gate::Open,
        },
        violation: if plan.kill_on_violation {
            crate::profile::Violation::Kill
        } else {
            crate::profile::Violation::Deny
        },
    }
}

/// By what the questions of the filter are to be answered.
pub(crate) fn rules(plan: &Plan) -> notification::Rules {
    notification::Rules { threads: plan.counted_threads(), ports: plan.judged_listeners().unwrap_or_default().to_vec() }
}

/// What the SIGSYS handler of a worker is to do.
pub(crate) fn handler_mode(shape: &Shape) -> sigsys::Mode {
    sigsys::Mode {
        judged: shape.paths == Paths::Judged,
        write: shape.write,
        kill: shape.violation == crate::profile::Violation::Kill,
    }
}

/// Refuses what the layers at hand cannot keep precisely, before anything is entered.
///
/// # Errors
///
/// The refusal names what is missing.
pub(crate) fn check_requirements(plan: &Plan) -> Result<(), Refusal> {
    requirements(plan, abi_for(plan))
}

/// The kernel's Landlock, as far as it can be asked.
fn abi_for(plan: &Plan) -> landlock::Abi {
    if plan.lethal_landlock {
        return landlock::Abi { version: 0, errno: libc::ENOSYS };
    }
    steps::at(Layer::Landlock, "landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION)");
    landlock::abi()
}

fn requirements(plan: &Plan, abi: landlock::Abi) -> Result<(), Refusal> {
    if !plan.layers.has(Layer::Landlock) {
        return Ok(());
    }
    // Files are judged by Landlock in both tiers: a private root hides what is not granted, but cannot tell `metadata` from `read`.
    if plan.has_paths() && abi.version < 1 {
        return Err(abi.refusal("file operations need Landlock").needed_for(Need::Files));
    }
    // Before ABI 3 a file that may only be read could be truncated by one that may write elsewhere; a read-only mount stops that.
    if plan.writes() && !plan.has_private_root() && abi.version < 3 {
        let refusal = abi.refusal("`write` needs Landlock ABI 3 or namespaces").needed_for(Need::Write);
        return Err(Refusal { reason: Reason::Operation, ..refusal });
    }
    judged_ports(plan, abi)?;
    local_sockets(plan, abi)?;
    programs(plan, abi)?;
    // Without a root of its own, metadata is answered by opening the file, which Landlock judges by the right to read.
    if !plan.has_private_root()
        && let Some(grant) =
            plan.grants.iter().find(|grant| grant.rights.is_metadata() && grant.path() != Path::new("/"))
    {
        return Err(own_refusal(
            Layer::Namespaces,
            "keep metadata apart from contents",
            grant.path().display().to_string(),
            Reason::Operation,
        )
        .needed_for(Need::Metadata));
    }
    Ok(())
}

/// Single ports are Landlock's to tell apart.
fn judged_ports(plan: &Plan, abi: landlock::Abi) -> Result<(), Refusal> {
    let network = &plan.network;
    for (key, protocol, ports, needed) in [
        ("net", "tcp", &network.tcp_outbound, 4),
        ("listen", "tcp", &network.tcp_inbound, 4),
        ("net", "udp", &network.udp_outbound, landlock::udp::ABI),
        ("listen", "udp", &network.udp_inbound, landlock::udp::ABI),
    ] {
        if let Some(port) = ports.judged().first()
            && abi.version < needed
        {
            let step = format!("telling {} ports apart needs Landlock ABI {needed}", protocol.to_uppercase());
            let need = if protocol == "tcp" { Need::TcpPorts } else { Need::UdpPorts };
            let have = abi.refusal(&step).needed_for(need);
            let object = format!("{key} = \"{protocol}:{port}\"");
            return Err(Refusal {
                reason: Reason::Operation,
                object,
                step: format!("{step}; {}", have.object),
                ..have
            });
        }
    }
    Ok(())
}

/// One Unix socket and no other: by a private root where nothing else has a name, or by Landlock.
fn local_sockets(plan: &Plan, abi: landlock::Abi) -> Result<(), Refusal> {
    const RESOLVES_UNIX: u32 = 9;
    let Some(socket) = plan.grants.iter().find(|grant| grant.rights.connect) else { return Ok(()) };
    if abi.version >= RESOLVES_UNIX {
        return Ok(());
    }
    // A directory may hold other sockets, now or later.
    let directory = plan.grants.iter().find(|grant| grant.kind == Kind::Directory);
    let (step, need) = match directory {
        _ if !plan.has_private_root() => {
            ("telling Unix sockets apart needs namespaces or Landlock ABI 9".to_owned(), Need::UnixSocket)
        }
        Some(directory) => {
            let directory = directory.path().display();
            let step = format!("telling Unix sockets in {directory} apart needs Landlock ABI 9");
            (step, Need::UnixSocketBesideDirectory)
        }
        None if !plan.network.is_empty() && abi.version < 6 => {
            let step = "keeping abstract Unix sockets away needs Landlock ABI 6 where there is a network";
            (step.to_owned(), Need::UnixSocket)
        }
        None => return Ok(()),
    };
    let object = socket.path().display().to_string();
    Err(Refusal { reason: Reason::Operation, object, ..abi.refusal(&step).needed_for(need) })
}

/// Programs have no handler of gaol's that could answer for what filters cannot see.
fn programs(plan: &Plan, abi: landlock::Abi) -> Result<(), Refusal> {
    let Some(program) = plan.grants.iter().find(|grant| grant.rights.execute) else { return Ok(()) };
    let object = || program.path().display().to_string();
    if !plan.has_private_root() {
        if !plan.sees_everything() {
            let step = "keep metadata from a program";
            let refusal = own_refusal(Layer::Namespaces, step, object(), Reason::Operation);
            return Err(refusal.needed_for(Need::ProgramMetadata));
        }
        if abi.version < 6 {
            let step = "keeping a program's signals inside needs namespaces or Landlock ABI 6";
            let refusal = abi.refusal(step).needed_for(Need::ProgramSignals);
            return Err(Refusal { reason: Reason::Operation, object: object(), ..refusal });
        }
    }
    if plan.descendant_limit().is_some() || !plan.has_private_root() {
        let list = "/proc/thread-self/children";
        std::fs::metadata(list).map_err(|error| Refusal {
            reason: Reason::Operation,
            need: Need::CountProcesses,
            ..refusal_for(Layer::Limits, &format!("count a program's processes by {list}"), object(), &error)
        })?;
    }
    Ok(())
}

/// A refusal for what the kernel answered at a step.
pub(crate) fn refusal(layer: Layer, step: &str, error: &std::io::Error) -> Refusal {
    refusal_for(layer, step, String::new(), error)
}

/// A refusal for what the kernel answered at a step, about an object.
pub(crate) fn refusal_for(layer: Layer, step: &str, object: String, error: &std::io::Error) -> Refusal {
    let errno = error.raw_os_error().unwrap_or(0);
    let reason = match errno {
        libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN | libc::ETOOMANYREFS => Reason::Resources,
        _ => Reason::Layer,
    };
    Refusal { layer: layer as u8, step: step.to_owned(), object, errno, reason, need: Need::Layer }
}

/// A refusal that is gaol's own.
pub(crate) fn own_refusal(layer: Layer, step: &str, object: String, reason: Reason) -> Refusal {
    Refusal { layer: layer as u8, step: step.to_owned(), object, errno: 0, reason, need: Need::Layer }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_what_the_system_has_not_got_is_refused_for_good() {
        let refused = |errno| refusal(Layer::Namespaces, "mount", &io::Error::from_raw_os_error(errno));
        for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EINVAL, libc::EUSERS] {
            assert!(refused(errno).is_for_good(), "{errno}");
        }
        for errno in [libc::EMFILE, libc::ENOMEM, libc::EAGAIN, libc::EINTR, libc::EIO, libc::ENOSPC] {
            assert!(!refused(errno).is_for_good(), "{errno}");
        }
    }
}

//! Linux: the layers of a template, in their order.

pub(crate) mod capabilities;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod hygiene;
pub(crate) mod landlock;
pub(crate) mod limits;
pub(crate) mod namespaces;
pub(crate) mod notify;
pub(crate) mod probe;
pub(crate) mod seccomp;
pub(crate) mod signals;
pub(crate) mod sigsys;
pub(crate) mod spawn;

use std::os::fd::OwnedFd;

use crate::plan::{Grant, Plan, Reason, Refusal};
use crate::support::{Layer, Layers};

use self::namespaces::Ids;
use self::seccomp::{Paths, Shape};

/// What was really entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entered {
    pub(crate) layers: Layers,
    pub(crate) landlock_abi: u32,
}

/// Enters every layer of `plan`, then checks that they hold. This cannot be undone.
///
/// Where threads are counted, also gives the listener that the filter puts its questions to.
///
/// Runs in the *setup* window of a template: a single-threaded process forked into the namespaces that
/// [`spawn::namespace_flags`] names, whose only descriptors are the three standard streams and its control socket.
///
/// # Errors
///
/// The refusal names the layer, the step and the errno. The process is then fit for nothing but exiting.
pub(crate) fn enter(plan: &Plan, ids: Ids) -> Result<(Entered, Option<OwnedFd>), Refusal> {
    let abi = landlock::abi();
    requirements(plan, abi)?;
    let mapped = limits::mapped().map_err(|error| refusal(Layer::Limits, "read /proc/self/statm", &error))?;
    if plan.layers.has(Layer::Hygiene) {
        hygiene::enter()?;
    }
    let ruleset = if plan.layers.has(Layer::Landlock) { landlock::prepare(plan, abi)? } else { None };
    let ruleset = if plan.layers.has(Layer::Namespaces) {
        namespaces::enter(plan, ids, ruleset)?
    } else {
        landlock::grant_paths(plan, ruleset)?
    };
    if plan.layers.has(Layer::Capabilities) {
        capabilities::drop_all()?;
    }
    if plan.layers.has(Layer::Hygiene) {
        hygiene::forbid_dumps()?;
    }
    if plan.layers.has(Layer::Limits) {
        limits::enter(plan, mapped)?;
    }
    capabilities::forbid_new_privileges()?;
    let landlocked = ruleset.is_some();
    let mut listener = None;
    if let Some(ruleset) = ruleset {
        ruleset.enter()?;
    }
    if plan.layers.has(Layer::Seccomp) {
        sigsys::lead_to(plan.grants.iter().map(Grant::path).chain(plan.links.iter().map(|link| link.at.as_path())));
        sigsys::install_handler().map_err(|error| refusal(Layer::Seccomp, "rt_sigaction(SIGSYS)", &error))?;
        if plan.counted_threads().is_some() {
            let filter = seccomp::counting_filter(&shape(plan));
            listener = Some(notify::install(&filter).map_err(|error| counting_refusal(plan, &error))?);
        } else {
            seccomp::install(&seccomp::template_filter(&shape(plan)))
                .map_err(|error| refusal(Layer::Seccomp, "seccomp(SECCOMP_SET_MODE_FILTER)", &error))?;
        }
    }
    probe::canaries(plan, landlocked)?;
    let layers = if landlocked { plan.layers } else { plan.layers.without(Layer::Landlock) };
    Ok((Entered { layers, landlock_abi: if landlocked { abi.version } else { 0 } }, listener))
}

/// Where a filter that asks cannot be installed, one that does not still can: then the number of threads is what cannot be kept.
fn counting_refusal(plan: &Plan, error: &std::io::Error) -> Refusal {
    let step = "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)";
    let refusal = refusal_for(Layer::Limits, step, format!("threads = {}", plan.threads.unwrap_or(0)), error);
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
        tcp: !plan.tcp_ports.is_empty(),
        threads: plan.threads != Some(1),
        violation: if plan.kill_on_violation {
            crate::profile::Violation::Kill
        } else {
            crate::profile::Violation::Deny
        },
        private_root: plan.has_private_root(),
    }
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
fn requirements(plan: &Plan, abi: landlock::Abi) -> Result<(), Refusal> {
    if !plan.layers.has(Layer::Landlock) {
        return Ok(());
    }
    // Files are judged by Landlock in both tiers: a private root hides what is not granted, but cannot tell `metadata` from `read`.
    if plan.has_paths() && abi.version < 1 {
        return Err(abi.refusal("file operations need Landlock"));
    }
    // Before ABI 3 a file that may only be read could be truncated by one that may write elsewhere; a read-only mount stops that.
    if plan.writes() && !plan.has_private_root() && abi.version < 3 {
        return Err(Refusal { reason: Reason::Operation, ..abi.refusal("`write` needs Landlock ABI 3 or namespaces") });
    }
    if !plan.tcp_ports.is_empty() && abi.version < 4 {
        return Err(Refusal { reason: Reason::Operation, ..abi.refusal("`net = \"tcp:PORT\"` needs Landlock ABI 4") });
    }
    // Without a root of its own, metadata is answered by opening the file, which Landlock judges by the right to read.
    if !plan.has_private_root()
        && let Some(grant) = plan
            .grants
            .iter()
            .find(|grant| !grant.rights.read && !grant.rights.write && grant.path() != std::path::Path::new("/"))
    {
        return Err(own_refusal(
            Layer::Namespaces,
            "keep metadata apart from contents",
            grant.path().display().to_string(),
            Reason::Operation,
        ));
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
    Refusal { layer: layer as u8, step: step.to_owned(), object, errno, reason }
}

/// A refusal that is gaol's own.
pub(crate) fn own_refusal(layer: Layer, step: &str, object: String, reason: Reason) -> Refusal {
    Refusal { layer: layer as u8, step: step.to_owned(), object, errno: 0, reason }
}

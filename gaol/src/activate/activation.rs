//! How this process enters a profile: once, and then narrower ones.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::enforcement::Enforcement;
use super::own_status::{OwnStatus, Usage};
use super::report::report_violation;
use super::supervisor;
use crate::error::{PathProblem, ProfileError, Unsupported, refusal};
use crate::function::manifest;
use crate::profile::rules::RuleError;
use crate::profile::{Profile, rules};
use crate::support::Layer;
use crate::sys::NotNarrowed;
use crate::sys::paths::{Unresolved, Writable, resolve, resolve_within, whole_seconds};
use crate::sys::plan::{Plan, Ports, Reason, Refusal};
use crate::testing::controls;
use crate::{role, sys};

/// The profile that this process is under.
struct Active {
    profile: Profile,
    enforcement: Enforcement,
    status: OwnStatus,
    threads: Option<u64>,
    /// Somebody looks at sockets that are to listen.
    judges_listeners: bool,
    /// A violation ends the process.
    kills: bool,
}

static ACTIVE: Mutex<Option<Active>> = Mutex::new(None);

/// Puts the calling process under `profile`, or one that it is under already under a narrower one.
pub(super) fn activate(profile: Profile) -> Result<Enforcement, ProfileError> {
    match rules::check(&profile) {
        // Rules of processes that gaol starts: this one may become a program without a second thread, and serves no calls.
        Ok(()) | Err(RuleError::ExecOneThread { .. } | RuleError::ExecReused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let active = match &mut *active {
        Some(active) => {
            narrow(active, profile)?;
            active
        }
        none => none.insert(enter(profile)?),
    };
    Ok(active.enforcement.clone())
}

/// The first time.
fn enter(profile: Profile) -> Result<Active, ProfileError> {
    if role::is_child() {
        return Err(ProfileError::Nested);
    }
    let mut status = OwnStatus::open().map_err(start("open /proc/self/status"))?;
    supervisor::end_idle_threads();
    check_usage(&profile, &mut status)?;
    let writable = Writable::known();
    writable.extend(&profile);
    let layers = controls::layers().without(Layer::Namespaces);
    let resolved = resolve(&profile, layers, writable, false).map_err(unresolved)?;
    let plan = Plan { narrows: true, cpu_seconds: cpu_seconds(&profile), ..resolved.plan };
    let refused = |refusal: Refusal| refused(&profile, refusal);
    sys::check_requirements(&plan).map_err(refused)?;
    sys::layers::capabilities::check().map_err(refused)?;
    check_programs(&plan)?;
    // What could be asked for a process outside of the sandbox must not stay within reach.
    supervisor::disconnect()?;
    let supervisor = if plan.asks() { Some(supervisor::start()?) } else { None };

    // From here on there is no way back.
    role::become_child();
    let partly = |refusal| ProfileError::Partly(Box::new(refused(refusal)));
    let sys::Confined { entered, listener, .. } =
        sys::enter(&plan, sys::layers::namespaces::Ids::current(), None).map_err(partly)?;
    if let (Some(supervisor), Some(listener)) = (supervisor, &listener) {
        supervisor
            .begin(sys::rules(&plan), listener)
            .map_err(|error| ProfileError::Partly(Box::new(start("hand the filter's questions over")(error))))?;
    }
    sys::layers::probe::answered_canaries(&plan).map_err(partly)?;
    sys::settle(&plan, report_violation).map_err(partly)?;
    Ok(Active {
        enforcement: Enforcement::new(entered),
        status,
        threads: plan.threads,
        judges_listeners: plan.judged_listeners().is_some(),
        kills: plan.kill_on_violation,
        profile,
    })
}

/// Once more.
fn narrow(active: &mut Active, profile: Profile) -> Result<(), ProfileError> {
    if !active.status.is_own() {
        // A fork, which runs on behalf of the process that activated the profile and cannot count its own threads.
        return Err(ProfileError::Nested);
    }
    let allowed = active.profile.allowed_operations();
    for operation in profile.allowed_operations() {
        if !allowed.iter().any(|outer| outer.covers(operation)) {
            return Err(ProfileError::Widens { operation: operation.to_string() });
        }
    }
    let usage = check_usage(&profile, &mut active.status)?;
    let plan = resolve_within(&profile, active.enforcement.set()).map_err(unresolved)?;
    // Whoever answers for the first filter goes on, by the first profile; it counts to the first limit, and a filter alone can count to
    // one.
    let plan = Plan {
        narrows: true,
        cpu_seconds: cpu_seconds(&profile),
        answered: true,
        threads: fewer_threads(active.threads, plan.threads)?,
        // What the first profile ends the process for, a second one does not forgive.
        kill_on_violation: plan.kill_on_violation || active.kills,
        ..plan
    };
    if let (Ports::These(ports), false) = (&plan.network.tcp_inbound, active.judges_listeners)
        && let Some(port) = ports.first()
    {
        let operation = format!("listen = \"tcp:{port}\"");
        let step = "look at a socket that is to listen, for which the first profile has nobody";
        return Err(unsupported(operation, Layer::Seccomp, step, "name the port in the first profile"));
    }
    sys::check_requirements(&plan).map_err(|refusal| refused(&profile, refusal))?;
    check_programs(&plan)?;
    sys::narrow(&plan, usage.mapped, report_violation).map_err(|NotNarrowed { refusal, partly }| {
        let error = refused(&profile, refusal);
        if partly { ProfileError::Partly(Box::new(error)) } else { error }
    })?;
    active.threads = plan.threads;
    active.kills = plan.kill_on_violation;
    active.profile = profile;
    Ok(())
}

/// How long a thread that was joined may take to be gone: it is on its way out, and no code of the application's runs in it any more.
const ON_ITS_WAY_OUT: Duration = Duration::from_millis(50);

/// Refuses where other threads run, or more memory is in use than the profile allows.
fn check_usage(profile: &Profile, status: &mut OwnStatus) -> Result<Usage, ProfileError> {
    let begun = Instant::now();
    let usage = loop {
        let usage = status.read().map_err(start("read /proc/self/status"))?;
        if usage.threads == 1 {
            break usage;
        }
        if begun.elapsed() > ON_ITS_WAY_OUT {
            return Err(ProfileError::Threads { count: usage.threads });
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    match profile.limits().memory {
        Some(limit) if limit < usage.memory => Err(unsupported(
            format!("memory = \"{}\"", manifest::size(limit)),
            Layer::Limits,
            &format!("the process uses {} bytes already, and could allocate no more", usage.memory),
            "allow more, or activate the profile before they are used",
        )),
        _ => Ok(usage),
    }
}

/// Also of a profile for kept workers, whose calls are watched one by one.
fn cpu_seconds(profile: &Profile) -> Option<u64> {
    profile.limits().cpu.map(whole_seconds)
}

/// Refuses to count what programs start.
///
/// Whoever looks at them from outside finds them by who started whom. What is left behind by a process that ends belongs to nobody that it
/// knows, so that this process's own end would be the end of all counting.
fn check_programs(plan: &Plan) -> Result<(), ProfileError> {
    match plan.descendant_limit() {
        None | Some(1) => Ok(()),
        Some(threads) => Err(unsupported(
            format!("threads = {threads}"),
            Layer::Limits,
            "count the processes that programs start, which may outlive this one",
            "write `threads = \"none\"`, or start programs by `Profile::command` instead",
        )),
    }
}

/// How many threads there may be from now on.
fn fewer_threads(held: Option<u64>, wanted: Option<u64>) -> Result<Option<u64>, ProfileError> {
    match (held, wanted) {
        (_, Some(1)) => Ok(wanted),
        (_, None) => Ok(held),
        (Some(held), Some(wanted)) if held <= wanted => Ok(Some(held)),
        (_, Some(wanted)) => Err(unsupported(
            format!("threads = {wanted}"),
            Layer::Limits,
            "count threads to less than the first profile says",
            "say so in the first profile, or write `threads = 1`, or `\"none\"` for what that allows",
        )),
    }
}

fn unsupported(operation: String, layer: Layer, step: &str, remedy: &str) -> ProfileError {
    let (step, remedy) = (step.to_owned(), remedy.to_owned());
    ProfileError::Unsupported(Box::new(Unsupported { operation, layer, step, errno: None, remedy }))
}

fn unresolved(Unresolved { operation, path, problem }: Unresolved) -> ProfileError {
    ProfileError::Path { operation, path, problem }
}

fn refused(profile: &Profile, refusal: Refusal) -> ProfileError {
    match refusal.reason {
        Reason::Resources => {
            let source = std::io::Error::from_raw_os_error(refusal.errno);
            ProfileError::Start { step: refusal.step, source }
        }
        Reason::Changed => ProfileError::Path {
            operation: refusal::operation_of(profile, &refusal),
            path: refusal.object.into(),
            problem: PathProblem::Changed,
        },
        Reason::Layer | Reason::Operation | Reason::Canary | Reason::Reserved | Reason::Lethal => {
            ProfileError::Unsupported(Box::new(refusal::unsupported(profile, &refusal)))
        }
    }
}

fn start(step: &'static str) -> impl Fn(std::io::Error) -> ProfileError {
    move |source| ProfileError::Start { step: step.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_only_become_fewer_and_only_as_far_as_somebody_counts() {
        for (held, wanted, expected) in [
            (Some(8), Some(8), Some(Some(8))),
            (Some(8), Some(64), Some(Some(8))),
            (Some(8), None, Some(Some(8))),
            (Some(8), Some(1), Some(Some(1))),
            (Some(8), Some(7), None),
            (Some(1), Some(64), Some(Some(1))),
            (None, None, Some(None)),
            (None, Some(1), Some(Some(1))),
            (None, Some(64), None),
        ] {
            assert_eq!(fewer_threads(held, wanted).ok(), expected, "{held:?} {wanted:?}");
        }
    }
}

//! The three ways into a sandbox, for the same profile: a sandboxed function, a command, and this process itself.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use gaol::{Error, Layer, Operation, PathPattern, Profile, ProfileError};

use super::activated::{Task, activated};
use super::acts::{self, Act, End};
use super::profiles::Allowed;
use crate::support::alone::place;

/// How a profile is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A sandboxed function.
    Function,
    /// `Profile::command`.
    Command,
    /// `ChildSandbox::activate`.
    Activated,
}

/// With namespaces or without. A process that puts itself under a profile never has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    A,
    B,
}

/// Every way, in the tiers that it has.
const WAYS: [(Way, Tier); 5] = [
    (Way::Function, Tier::A),
    (Way::Function, Tier::B),
    (Way::Command, Tier::A),
    (Way::Command, Tier::B),
    (Way::Activated, Tier::B),
];

/// The ways that this system has. `GAOL_REQUIRE` makes another test fail where one is missing that should be there.
pub(crate) fn ways() -> impl Iterator<Item = (Way, Tier)> {
    let has_namespaces = gaol::support().has(Layer::Namespaces);
    if !has_namespaces {
        eprintln!("tier A is left out, since there are no user namespaces here");
    }
    WAYS.into_iter().filter(move |(_, tier)| *tier == Tier::B || has_namespaces)
}

/// The tiers that this system has.
pub(crate) fn tiers() -> impl Iterator<Item = Tier> {
    ways().filter_map(|(way, tier)| (way == Way::Function).then_some(tier))
}

/// Compares what an act gets in every way with what is expected of each: of a function in tiers A and B, of a command in both, and of a
/// process that puts itself under the profile.
#[track_caller]
pub(crate) fn every_way(allowed: &Allowed, act: &Act, expected: [End; 5]) {
    for (way, tier) in ways() {
        let place = WAYS.iter().position(|one| *one == (way, tier)).expect("one of them");
        assert_eq!(
            ends(way, tier, allowed, act),
            expected[place],
            "{act:?} with {allowed:?}: {way:?} in tier {tier:?}"
        );
    }
}

/// Runs `body` in a tier.
pub(crate) fn in_tier<T>(tier: Tier, body: impl FnOnce() -> T) -> T {
    let without: &[Layer] = if tier == Tier::B { &[Layer::Namespaces] } else { &[] };
    let _guard = gaol::controls::without(without);
    body()
}

/// Ends by errno; zero is none.
pub(crate) fn errnos(errnos: [i32; 5]) -> [End; 5] {
    errnos.map(End::of)
}

/// What an act gets under a profile.
pub(crate) fn ends(way: Way, tier: Tier, allowed: &Allowed, act: &Act) -> End {
    in_tier(tier, || match way {
        Way::Function => of_call(allowed.call(act.clone())),
        Way::Command => match for_programs(tier, allowed) {
            Ok(profile) => of_status(prober(&profile).args(act.arguments()).status().expect("a launcher"), ""),
            Err(layer) => End::Unsupported(layer),
        },
        Way::Activated => activated(allowed, &Task::Act(act.clone())).0,
    })
}

/// What an act gets in a second thread.
pub(crate) fn ends_in_a_thread(way: Way, tier: Tier, allowed: &Allowed, act: &Act) -> End {
    in_tier(tier, || match way {
        Way::Function => of_call(allowed.call_in_a_thread(act.clone())),
        Way::Activated => activated(allowed, &Task::ActInThread(act.clone())).0,
        Way::Command => panic!("the prober has one thread"),
    })
}

/// The errno of every call of a sweep, in the order of the calls.
pub(crate) fn sweeps(way: Way, tier: Tier, allowed: &Allowed, first: u32, last: u32, left_out: &[u32]) -> String {
    in_tier(tier, || match way {
        Way::Function => allowed.sweep(first, last, left_out).expect("a call that no sweep ends"),
        Way::Command => {
            let profile = for_programs(tier, allowed).expect("a profile that can be kept");
            output_of_sweep(&mut prober(&profile), first, last, left_out)
        }
        Way::Activated => {
            let (end, lines) = activated(allowed, &Task::Sweep(first, last, left_out.to_vec()));
            assert_eq!(end, End::Done);
            lines
        }
    })
}

/// What the prober prints of a sweep.
pub(crate) fn output_of_sweep(prober: &mut Command, first: u32, last: u32, left_out: &[u32]) -> String {
    let left_out: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    prober.args(["sweep", &first.to_string(), &last.to_string(), &left_out.join(",")]);
    let output = prober.output().expect("the prober, or a launcher");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("numbers")
}

/// What an act gets without a sandbox: by the prober, in a process of one thread.
pub(crate) fn ends_outside(act: &Act) -> End {
    let status = Command::new(acts::prober(&place())).args(act.arguments()).stdin(Stdio::null()).status();
    of_status(status.expect("the prober"), "")
}

/// A profile by hand that lets the prober be run as well, or the layer that it would need.
pub(crate) fn for_programs(tier: Tier, allowed: &Allowed) -> Result<Profile, Layer> {
    let path = acts::prober(&place());
    let mut operations = allowed.operations();
    operations.push(Operation::ProcessExec(PathPattern::literal(path).expect("a path of the test's own")));
    if tier == Tier::B {
        // Nothing but namespaces keeps metadata from a program.
        operations.push(Operation::FileReadMetadata(PathPattern::subpath("/").expect("a path")));
    }
    Profile::new(operations).map_err(unsupported)
}

/// The prober as a command.
pub(crate) fn prober(profile: &Profile) -> Command {
    let mut command = profile.command(acts::prober(&place()));
    command.stdin(Stdio::null());
    command
}

/// The layer that a profile cannot be kept without.
#[track_caller]
pub(crate) fn unsupported(error: ProfileError) -> Layer {
    match error {
        ProfileError::Unsupported(unsupported) => unsupported.layer,
        other => panic!("{other}: {other:?}"),
    }
}

fn of_call(result: gaol::Result<i32>) -> End {
    match result {
        Ok(errno) => End::of(errno),
        Err(Error::Killed { signal, .. }) => End::Signal(signal),
        Err(Error::Violation { .. }) => End::Signal(libc::SIGSYS),
        Err(Error::Unsupported { unsupported, .. }) => End::Unsupported(unsupported.layer),
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// How a process ended that performed an act.
#[track_caller]
pub(crate) fn of_status(status: ExitStatus, said: &str) -> End {
    assert!(!gaol::is_set_up_failure(&status), "the program was not started: {said}");
    match (status.code(), status.signal()) {
        (Some(errno), _) => End::of(errno),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => panic!("{status} is no end"),
    }
}

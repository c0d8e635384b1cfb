//! The escape suite: attacks that every profile must withstand, made on this system, under a profile of the caller's.
//!
//! What gaol promises depends on the kernel, on how it was built and set up, on the container around the program, and on the profile. The suite
//! asks all of them at once: it makes some eighty attacks in workers under the profile, and compares what each got with what the profile and the
//! system say that it must get. What the profile allows is no attack, and the report says so.
//!
//! ```no_run
//! gaol::main! {
//!     fn main() -> Result<(), Box<dyn std::error::Error>> {
//!         let profile = gaol::Profile::new(vec![gaol::Operation::NetworkOutbound(gaol::AddressPattern::Tcp(443))])?;
//!         let report = gaol::escape_suite::run(&profile)?;
//!         println!("{report}");
//!         assert!(report.is_tight());
//!
//!         // The same for every sandboxed function in this binary.
//!         for report in gaol::escape_suite::run_all()? {
//!             assert!(report.is_tight(), "{report}");
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! Each attack has a *control*: the same act in a process that gaol starts and puts inside no layer. Where the control reaches its aim too
//! ([`Control::Reachable`]), the hole is one on this system and the sandbox is what closes it. Where it does not, something else stops it as
//! well: the user's lack of privilege, a kernel built without it, a filter of the container's.
//!
//! # What it does to the system
//!
//! It makes a directory for temporary files, a few sockets of this machine alone and a pseudo-terminal, and removes them when it is done. While it
//! runs, a descriptor to a file of its own is inheritable: programs that another thread starts meanwhile have it too. Attacks on the application
//! read its memory at one address, and set what is set already. Controls do what they are named after and no harm: nothing that is granted is
//! changed, and what a control makes ends with its process.
//!
//! # What it does not show
//!
//! That nobody finds another way. It is a selection, made to run anywhere in a second or two; gaol's own tests try many more. Time limits are not
//! tried, and each attack has 20 s whatever the profile says; a worker serves one attack, whatever `process` says.
//!
//! It needs the feature `escape-suite`. Workers of other calls are as they are without it: an act without a sandbox is made only by [`run`] and
//! [`run_all`], and only those of the table.

mod acts;
mod entry;
mod facts;
mod place;
mod raw;
mod report;
mod table;

use std::io;
use std::time::Duration;

use self::acts::{Act, Seen};
use self::facts::{Expected, Facts};
use self::place::{EXIT_CODE, Limits, Prepared};
use self::table::{Row, Where};
use crate::call;
use crate::error::ProfileError;
use crate::function::entry as entries;
use crate::profile::{Process, Profile};
use crate::support::{Layer, Layers};

pub(crate) use self::entry::register;
pub use self::report::{Answer, Attack, Category, Control, Report, Verdict};

/// How long an attack may take. None of them waits for anything.
const TIME: Duration = Duration::from_secs(20);

/// More descriptors than this are not opened to see whether one more is refused.
const MOST_FILES: u64 = 1 << 16;

/// Why the suite could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The profile cannot be entered on this system, so there is nothing to attack.
    #[error("the profile cannot be entered")]
    Profile(#[source] ProfileError),
    /// What the attacks need could not be made.
    #[error("the place of the attacks could not be made: {step}")]
    Place {
        /// What failed.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An attack could not be begun.
    #[error("{attack}: the attack could not be begun")]
    Call {
        /// The attack's name in the table.
        attack: &'static str,
        /// Why.
        #[source]
        source: crate::Error,
    },
}

/// Makes every attack under `profile`, each in a worker of its own, and the controls.
///
/// # Errors
///
/// What kept the attacks from being made: see [`Error`]. An attack that succeeds is no error, but [`Verdict::Open`] in the report.
pub fn run(profile: &Profile) -> Result<Report, Error> {
    let given = profile;
    let profile = attacked(given);
    let layers = call::try_out(&profile, false).map_err(Error::Profile)?;
    let support = call::support();
    let mut prepared = Prepared::new(|path| facts::is_granted(&profile, path))?;
    let place = &mut prepared.place;
    place.environment = profile.environment().map(ToOwned::to_owned).collect();
    place.read_only = facts::read_only(&profile);
    let limits = profile.limits();
    place.limits = Limits { memory: limits.memory, files: limits.files.filter(|files| *files <= MOST_FILES) };

    let tier = if layers.has(Layer::Namespaces) { 'A' } else { 'B' };
    let mut report = report::head(given, tier, support.landlock_abi());
    let facts = Facts::new(&profile, layers, report.landlock_abi, &prepared.place);
    for row in table::rows() {
        report.attacks.push(Suite { profile: &profile, prepared: &prepared, facts: &facts }.attack(&row)?);
    }
    Ok(report)
}

/// The same for every sandboxed function of this binary, sorted by name, under what its attribute's literals allow.
///
/// Keys that a function computes at its calls are not in the profile that is attacked; [`Report::computed_keys`] names them.
///
/// # Errors
///
/// As [`run`]; the first function that cannot be attacked ends it.
pub fn run_all() -> Result<Vec<Report>, Error> {
    let each = entries::sorted().into_iter().map(|entry| {
        let computed_keys = entry.computed_keys().iter().map(|(key, _)| *key).collect();
        Ok(Report { function: Some(entry.name()), computed_keys, ..run(entry.profile())? })
    });
    each.collect()
}

/// The profile as it is attacked: with time enough, and a worker for each attack.
fn attacked(profile: &Profile) -> Profile {
    let mut limits = *profile.limits();
    limits.time = Some(TIME);
    let mut profile = profile.clone().with_limits(limits);
    if profile.process() == Process::Reused {
        profile.set_process(Process::Fresh);
    }
    profile
}

/// What one run works with.
struct Suite<'a> {
    profile: &'a Profile,
    prepared: &'a Prepared,
    facts: &'a Facts<'a>,
}

impl Suite<'_> {
    fn attack(&self, row: &Row) -> Result<Attack, Error> {
        let (layer, expected) = match (row.expected)(self.facts) {
            Expected::Refused(layer, expected) => (layer, expected),
            Expected::Allowed(reason) => {
                return Ok(Attack {
                    category: row.category,
                    name: row.name,
                    verdict: Verdict::NotApplicable(reason),
                    layer: None,
                    expected: Vec::new(),
                    answer: None,
                    control: Control::NotTried,
                });
            }
        };
        let answer = self.confined(row)?;
        let verdict = match &answer {
            Answer::Done(_) => Verdict::Open,
            answer if expected.contains(answer) => Verdict::Refused,
            _ => Verdict::Unexpected,
        };
        let control = match self.unconfined(row)? {
            Answer::Done(_) => Control::Reachable,
            answer => Control::NotReachable(answer),
        };
        Ok(Attack {
            category: row.category,
            name: row.name,
            verdict,
            layer: Some(layer),
            expected,
            answer: Some(answer),
            control,
        })
    }

    /// The act in the sandbox.
    fn confined(&self, row: &Row) -> Result<Answer, Error> {
        let layers = crate::testing::controls::layers();
        match row.control {
            Where::Unconfined => self.call(row, self.profile, layers),
            // Only a process that is started now could have what was planted now.
            Where::Application => {
                let mut profile = self.profile.clone();
                profile.set_process(Process::Exec);
                self.call(row, &profile, layers)
            }
        }
    }

    /// The same act without the sandbox.
    fn unconfined(&self, row: &Row) -> Result<Answer, Error> {
        match row.control {
            Where::Unconfined => self.call(row, &attacked(&Profile::NOTHING), Layers::NONE),
            Where::Application => Ok(seen(acts::perform(row.act, &self.prepared.place, None))),
        }
    }

    fn call(&self, row: &Row, profile: &Profile, layers: Layers) -> Result<Answer, Error> {
        let terminal = match (&self.prepared.terminal, row.act) {
            (Some((_, user)), Act::Type(_)) => user.try_clone().ok(),
            _ => None,
        };
        match entry::attack(profile, layers, row.act, &self.prepared.place, terminal) {
            Ok(answer) => Ok(seen(answer)),
            Err(crate::Error::Violation { .. }) => Ok(Answer::Violation),
            Err(crate::Error::Exited { code: EXIT_CODE, .. }) => Ok(Answer::Done("run".to_owned())),
            Err(error) if error.outcome() == crate::Outcome::NotRun => {
                Err(Error::Call { attack: row.name, source: error })
            }
            Err(crate::Error::Killed { signal, .. }) => Ok(Answer::Ended(format!("killed by signal {signal}"))),
            Err(crate::Error::Exited { code, .. }) => Ok(Answer::Ended(format!("exited with {code}"))),
            Err(crate::Error::TimedOut { .. }) => Ok(Answer::Ended("timed out".to_owned())),
            Err(error) => Ok(Answer::Ended(error.to_string())),
        }
    }
}

fn seen(seen: Seen) -> Answer {
    match seen {
        Seen::Done(proof) => Answer::Done(proof),
        Seen::Errno(errno) => Answer::Errno(errno),
        Seen::Absent => Answer::Absent,
    }
}

//! What this system can keep: tried, in children that are thrown away.

use super::application::{Application, Unavailable};
use crate::error::{PathProblem, ProfileError, refusal};
use crate::process::zygote::handle::NotStarted;
use crate::profile::Profile;
use crate::role;
use crate::support::{Availability, Layer, Layers, Support};
use crate::sys::paths::{Unresolved, kind_of, stand_in};
use crate::sys::plan::{Reason, Refusal};

/// Finds out what this system can enforce, by entering each layer in a child that is thrown away.
///
/// Where no child can be started (the process has no entry point, or resources are short), every layer is reported unavailable at that step.
#[must_use]
pub fn support() -> Support {
    let mut layers = Layers::ALL;
    let mut found = Vec::new();
    let mut landlock_abi = 0;
    let nowhere = |step: String, errno: i32| Support {
        layers: Layer::ALL.map(|layer| (layer, Availability::Unavailable { step: step.clone(), errno })).to_vec(),
        landlock_abi: 0,
    };
    if role::is_child() || !role::has_entry_point() {
        return nowhere("start a child: this process has no entry point (`gaol::main!`, `gaol::init()`)".to_owned(), 0);
    }
    let application = Application::current();
    if let Some(refusal) = application.no_namespaces() {
        layers = layers.without(Layer::Namespaces);
        found.push((Layer::Namespaces, unavailable_layer(refusal)));
    }
    while found.len() < Layer::ALL.len() {
        match application.probe(&Profile::NOTHING, layers) {
            Ok(template) => {
                let entered = template.entered();
                landlock_abi = entered.landlock_abi;
                if landlock_abi == 0 && layers.has(Layer::Landlock) {
                    let step = "landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION)".to_owned();
                    let errno = entered.landlock_errno;
                    found.push((Layer::Landlock, Availability::Unavailable { step, errno }));
                }
                break;
            }
            Err(Unavailable::Refused(refusal)) if refusal.reason == Reason::Resources => {
                return nowhere(refusal.step, refusal.errno);
            }
            Err(Unavailable::Refused(refusal)) => {
                layers = layers.without(refusal.layer());
                found.push((refusal.layer(), unavailable_layer(&refusal)));
            }
            Err(Unavailable::NotStarted(NotStarted { step, source })) => {
                return match source.raw_os_error() {
                    Some(errno) => nowhere(step, errno),
                    None => nowhere(format!("{step}: {source}"), 0),
                };
            }
            Err(Unavailable::Unresolved(_)) => break,
        }
    }
    Support { layers: found, landlock_abi }
}

/// Enters `profile` in a child that is thrown away, and gives the layers that it entered.
///
/// With `kinds` it is only asked whether operations of these kinds can be allowed together.
///
/// # Errors
///
/// What kept it from being entered.
pub(crate) fn try_out(profile: &Profile, kinds: bool) -> Result<Layers, ProfileError> {
    if role::is_child() {
        return Err(ProfileError::Nested);
    }
    if !role::has_entry_point() {
        return Err(ProfileError::NoEntryPoint);
    }
    let entered = Application::current().try_out(profile, crate::testing::controls::layers(), kinds);
    entered.map_err(|unavailable| match unavailable {
        Unavailable::Unresolved(Unresolved { operation, path, problem }) => {
            ProfileError::Path { operation, path, problem }
        }
        Unavailable::NotStarted(NotStarted { step, source }) => ProfileError::Start { step, source },
        Unavailable::Refused(refusal) if refusal.reason == Reason::Resources => {
            ProfileError::Start { step: refusal.step, source: std::io::Error::from_raw_os_error(refusal.errno) }
        }
        Unavailable::Refused(refusal) if refusal.reason == Reason::Changed => ProfileError::Path {
            operation: refusal::operation_of(profile, &refusal),
            path: refusal.object.into(),
            problem: PathProblem::Changed,
        },
        Unavailable::Refused(refusal) if kinds => {
            // It speaks of what stood in for an operation; whoever asked knows only the operation.
            let stand_in = stand_in(profile);
            let kind = refusal::operation_of(&stand_in, &refusal);
            let mut unsupported = refusal::unsupported(&stand_in, &Refusal { object: kind.clone(), ..refusal });
            let named = profile.allowed_operations().iter().find(|operation| kind_of(operation).to_string() == kind);
            unsupported.operation = named.map(ToString::to_string).unwrap_or_default();
            ProfileError::Unsupported(Box::new(unsupported))
        }
        Unavailable::Refused(refusal) => ProfileError::Unsupported(Box::new(refusal::unsupported(profile, &refusal))),
    })
}

fn unavailable_layer(refusal: &Refusal) -> Availability {
    Availability::Unavailable { step: refusal.step.clone(), errno: refusal.errno }
}

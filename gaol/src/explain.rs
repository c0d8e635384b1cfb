//! What a template's refusal means to whoever wrote the profile.

use std::path::Path;

use crate::error::Unsupported;
use crate::plan::{Reason, Refusal};
use crate::profile::{AddressPattern, Operation, Profile};
use crate::support::Layer;

/// A refusal that no repetition mends, in full.
pub(crate) fn unsupported(profile: &Profile, refusal: &Refusal) -> Unsupported {
    let operation = operation_of(profile, refusal);
    // Where the object is the operation, it is named already.
    let object = if refusal.object.is_empty() || refusal.object == operation {
        String::new()
    } else {
        format!(" ({})", refusal.object)
    };
    Unsupported {
        operation,
        layer: refusal.layer(),
        step: format!("{}{object}", refusal.step),
        errno: (refusal.errno != 0).then_some(refusal.errno),
        remedy: remedy(profile, refusal),
    }
}

/// The operation that a refusal is about, as the attribute writes it.
pub(crate) fn operation_of(profile: &Profile, refusal: &Refusal) -> String {
    let object = Path::new(&refusal.object);
    let operations = profile.allowed_operations();
    operations
        .iter()
        .find(|operation| {
            operation.to_string() == refusal.object
                || operation
                    .path()
                    .is_some_and(|path| path == object || std::fs::canonicalize(path).is_ok_and(|path| path == object))
        })
        .or_else(|| {
            // A need that is not about one object is named by the first operation that has it.
            operations.iter().find(|operation| match operation {
                Operation::FileWriteAll(_) => {
                    refusal.step.contains("`write`") || refusal.step.contains("file operations")
                }
                Operation::ProcessExec(_) => {
                    refusal.step.contains("program") || refusal.step.contains("file operations")
                }
                Operation::NetworkInbound(_) => refusal.object.contains("listen"),
                Operation::NetworkOutbound(address) => {
                    matches!(address, AddressPattern::LocalSocket(_)) && refusal.step.contains("file operations")
                }
                _ => refusal.step.contains("file operations"),
            })
        })
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What to do about it.
fn remedy(profile: &Profile, refusal: &Refusal) -> String {
    let is_about = |wanted: fn(&Operation) -> bool| {
        let named = operation_of(profile, refusal);
        profile.allowed_operations().iter().any(|operation| wanted(operation) && operation.to_string() == named)
    };
    match (refusal.layer(), refusal.reason) {
        (_, Reason::Canary) => "gaol refuses to run anything under a layer that does not hold; please report this".to_owned(),
        (_, Reason::Reserved) => {
            "reserve less before `main` (an allocator, a sanitizer, a large static), write more for `memory`, or `memory = \"none\"` to \
             lift the limit".to_owned()
        }
        (Layer::Seccomp, Reason::Operation) => {
            "open the socket in the application: another security module (Yama, for one) keeps its children apart".to_owned()
        }
        (_, Reason::Operation) if matches!(refusal.errno, libc::EACCES | libc::EPERM) => {
            "the child has the application's uid and gid but none of its capabilities: let those reach it".to_owned()
        }
        (Layer::Namespaces, Reason::Operation) if is_about(|operation| matches!(operation, Operation::ProcessExec(_))) => {
            "without namespaces add `metadata = \"/\"`, which leaves all metadata visible to the program".to_owned()
        }
        (Layer::Namespaces, Reason::Operation) => {
            "without namespaces write `read = …` for the path, or `metadata = \"/\"` to leave all metadata visible".to_owned()
        }
        (Layer::Landlock, Reason::Operation) if refusal.step.contains("UDP") => {
            "write `\"all\"` to leave every address open, use a newer kernel, or do it in the application and pass what comes of it"
                .to_owned()
        }
        (Layer::Landlock, Reason::Operation) if refusal.step.contains("Unix sockets in") => {
            "name single files instead of the directory, or use a newer kernel".to_owned()
        }
        (Layer::Landlock, Reason::Operation) => {
            "use a newer kernel, or do it in the application and pass what comes of it".to_owned()
        }
        (Layer::Landlock, _) if refusal.errno == libc::E2BIG => {
            "a process can be under 16 Landlock rulesets, inherited ones included; activate fewer profiles, or begin in fewer sandboxes"
                .to_owned()
        }
        (Layer::Landlock, _) => {
            "boot a kernel with Landlock (5.13 or later, `landlock` in the `lsm=` list), or name no files and pass what they hold".to_owned()
        }
        (Layer::Limits, Reason::Operation) => "write `threads = 1`, or `threads = \"none\"` to lift the limit".to_owned(),
        (Layer::Seccomp, _) => "use a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        _ => "see `gaol::support()` for what this system gives".to_owned(),
    }
}

//! What a template's refusal means to whoever wrote the profile.

use std::path::Path;

use crate::error::Unsupported;
use crate::profile::{AddressPattern, Operation, Profile};
use crate::support::Layer;
use crate::sys::plan::{Need, Reason, Refusal};

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
        remedy: remedy(refusal).to_owned(),
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
        // A need that is not about one object is named by the first operation that has it.
        .or_else(|| operations.iter().find(|operation| has(operation, refusal.need)))
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Whether an operation has this need.
fn has(operation: &Operation, need: Need) -> bool {
    let is_program = matches!(operation, Operation::ProcessExec(_));
    let is_inbound = matches!(operation, Operation::NetworkInbound(_));
    match need {
        Need::Files => match operation {
            Operation::NetworkOutbound(address) => matches!(address, AddressPattern::LocalSocket(_)),
            _ => !is_inbound,
        },
        Need::Write => matches!(operation, Operation::FileWriteAll(_)),
        Need::ProgramMetadata | Need::ProgramSignals | Need::CountProcesses | Need::CountThreadsOfPrograms => {
            is_program
        }
        Need::AskAboutListeners | Need::LookAtListeners => is_inbound,
        // They name their object, or are no operation's.
        Need::Layer
        | Need::Metadata
        | Need::TcpPorts
        | Need::UdpPorts
        | Need::UnixSocket
        | Need::UnixSocketBesideDirectory
        | Need::CountThreads => false,
    }
}

/// What to do about it: by what was needed, then by what the kernel answered.
fn remedy(refusal: &Refusal) -> &'static str {
    match (refusal.need, refusal.layer(), refusal.reason) {
        (_, _, Reason::Canary) => {
            return "gaol refuses to run anything under a layer that does not hold; please report this";
        }
        (_, _, Reason::Lethal) => {
            return "a filter that the application is under (seccomp) kills who makes this system call; have it allow the call, or refuse it with an errno: what can be kept without it is kept then";
        }
        (_, _, Reason::Reserved) => {
            return "reserve less before `main` (an allocator, a sanitizer, a large static), write more for `memory`, or `memory = \"none\"` to lift the limit";
        }
        (Need::LookAtListeners, ..) => {
            return "open the socket in the application and pass it in: another security module (Yama, for one) keeps its children apart";
        }
        (Need::AskAboutListeners, ..) if refusal.errno == libc::EBUSY => {
            return concat!(
                "the kernel allows one filter that asks around a process, and this one is inside another's already (of a container ",
                "runtime, a debugger or a sandbox): listen in the application and pass the socket in, or start the application outside of it"
            );
        }
        (Need::AskAboutListeners, ..) => {
            return "listen in the application and pass the socket in, or use a kernel with seccomp user notification (Linux 5.5)";
        }
        (Need::CountThreads, ..) => {
            return "write `threads = 1`, or `threads = \"none\"` to lift the limit";
        }
        (Need::CountThreadsOfPrograms, ..) => {
            return "write `threads = \"none\"` to lift the limit, or run the program outside of the filter that is around this process";
        }
        (Need::CountProcesses, ..) => {
            return "mount /proc where the application runs, of a kernel with CONFIG_PROC_CHILDREN: a program's processes are counted there";
        }
        _ => {}
    }
    match (refusal.need, refusal.layer(), refusal.reason) {
        (_, _, Reason::Operation) if matches!(refusal.errno, libc::EACCES | libc::EPERM) => {
            "the child has the application's uid and gid but none of its capabilities: let those reach it"
        }
        (Need::ProgramMetadata, ..) => {
            "without namespaces add `metadata = \"/\"`, which leaves all metadata visible to the program"
        }
        (Need::Metadata, ..) => {
            "without namespaces write `read = …` for the path, or `metadata = \"/\"` to leave all metadata visible"
        }
        (Need::UdpPorts, ..) => {
            "write `\"all\"` to leave every address open, use a newer kernel, or do it in the application and pass what comes of it"
        }
        (Need::UnixSocketBesideDirectory, ..) => "name single files instead of the directory, or use a newer kernel",
        (_, Layer::Landlock, Reason::Operation) => {
            "use a newer kernel, or do it in the application and pass what comes of it"
        }
        (_, Layer::Landlock, _) => without_landlock(refusal.errno),
        (_, Layer::Seccomp, _) => "use a kernel with CONFIG_SECCOMP_FILTER",
        _ => "see `gaol::support()` for what this system gives",
    }
}

/// Where Landlock itself was refused.
fn without_landlock(errno: i32) -> &'static str {
    match errno {
        libc::E2BIG => {
            "a process can be under 16 Landlock rulesets, inherited ones included; activate fewer profiles, or begin in fewer sandboxes"
        }
        libc::EOPNOTSUPP => {
            "the kernel has Landlock, and it is turned off: add `landlock` to the `lsm=` list of its command line, or name no files and pass what they hold"
        }
        libc::EPERM | libc::EACCES => {
            "a seccomp filter around this process (of a container or a service manager) refuses Landlock's system calls: allow landlock_create_ruleset, \
             landlock_add_rule and landlock_restrict_self there, or name no files and pass what they hold"
        }
        _ => {
            "boot a kernel with Landlock (5.13 or later), and let no filter around this process refuse its system calls, or name no files and pass what \
             they hold"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::sys::{own_refusal, refusal};

    fn advice(layer: Layer, need: Need, reason: Reason, errno: i32) -> &'static str {
        let refusal = refusal(layer, "a step", &io::Error::from_raw_os_error(errno)).needed_for(need);
        remedy(&Refusal { reason, ..refusal })
    }

    #[test]
    fn advice_follows_from_what_was_needed_and_what_the_kernel_answered() {
        for (layer, need, reason, errno, says, not) in [
            // An outer filter; the kernel may well have Landlock.
            (Layer::Landlock, Need::Files, Reason::Layer, libc::EPERM, "seccomp filter around", "boot"),
            (Layer::Landlock, Need::Files, Reason::Layer, libc::EOPNOTSUPP, "`lsm=`", "filter"),
            (Layer::Landlock, Need::Files, Reason::Layer, libc::ENOSYS, "boot a kernel", "lsm="),
            (Layer::Landlock, Need::Layer, Reason::Layer, libc::E2BIG, "16 Landlock rulesets", "boot"),
            (Layer::Limits, Need::CountProcesses, Reason::Operation, libc::ENOENT, "/proc", "threads"),
            (Layer::Limits, Need::CountProcesses, Reason::Operation, libc::EACCES, "/proc", "uid"),
            (Layer::Limits, Need::CountThreads, Reason::Operation, libc::EBUSY, "`threads = 1`", "Yama"),
            (
                Layer::Limits,
                Need::CountThreadsOfPrograms,
                Reason::Operation,
                libc::EBUSY,
                "threads = \"none\"",
                "threads = 1",
            ),
            (Layer::Seccomp, Need::AskAboutListeners, Reason::Operation, libc::EBUSY, "one filter", "Yama"),
            (Layer::Seccomp, Need::LookAtListeners, Reason::Operation, libc::EPERM, "Yama", "uid"),
            (Layer::Landlock, Need::UdpPorts, Reason::Operation, 0, "`\"all\"`", "boot"),
            (Layer::Landlock, Need::UnixSocketBesideDirectory, Reason::Operation, 0, "single files", "boot"),
            (Layer::Namespaces, Need::ProgramMetadata, Reason::Operation, 0, "metadata = \"/\"", "read"),
            (Layer::Namespaces, Need::Metadata, Reason::Operation, 0, "read = …", "program"),
        ] {
            let advice = advice(layer, need, reason, errno);
            assert!(advice.contains(says), "{layer:?} {need:?} {errno}: {advice}");
            assert!(!advice.contains(not), "{layer:?} {need:?} {errno}: {advice}");
        }
    }

    #[test]
    fn words_in_a_step_decide_nothing() {
        let told = "`write` needs UDP ports, file operations, a program and Unix sockets in a directory";
        let refusal = own_refusal(Layer::Landlock, told, String::new(), Reason::Layer);
        let plain = own_refusal(Layer::Landlock, "a step", String::new(), Reason::Layer);
        assert_eq!(remedy(&refusal), remedy(&plain));
        let mut profile = Profile::NOTHING;
        profile.operations_mut().push(Operation::SystemInfoRead);
        assert_eq!(operation_of(&profile, &refusal), "");
    }
}

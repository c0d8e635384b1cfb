//! The rules that hold within one profile, whoever made it.
//!
//! The attribute checks them while the program is compiled, as far as its literals say, and with the same messages.

use gaol_spec::SpecError;

use super::{AddressPattern, Limits, Operation, PathPattern, Process, Profile};

/// What no profile may hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The function could replace what it may run, so that nobody can tell what that is.
    #[error("{}", gaol_spec::rules::write_and_exec(write, exec))]
    WriteAndExec {
        /// What may be written.
        write: Operation,
        /// What may be run.
        exec: Operation,
    },
    /// What a program leaves behind in a worker that is kept would meet the next call.
    #[error("{}", gaol_spec::rules::EXEC_REUSED)]
    ExecReused {
        /// What may be run.
        exec: Operation,
    },
    /// The worker itself is the one process that it may have.
    #[error("{}", gaol_spec::rules::EXEC_ONE_THREAD)]
    ExecOneThread {
        /// What may be run.
        exec: Operation,
    },
    /// A Unix socket cannot be bound inside a sandbox, only connected to.
    #[error("{}", gaol_spec::rules::listen_local_socket(operation))]
    ListenLocalSocket {
        /// What may be listened on.
        operation: Operation,
    },
    /// Port zero is no port: bound to, it stands for any.
    #[error("{}", gaol_spec::rules::port_zero(operation))]
    Port {
        /// The operation that names it.
        operation: Operation,
    },
    /// A variable that cannot be copied.
    #[error("`env = {name:?}`: {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: SpecError,
    },
    /// A limit out of its bounds.
    #[error("`{key}`: {problem}")]
    Limit {
        /// The attribute's key for it.
        key: &'static str,
        /// What is wrong with its value.
        problem: SpecError,
    },
}

/// Applies every rule; the first that is broken is told, and [`RuleError::ExecOneThread`] only where no other is.
pub(crate) fn check(profile: &Profile) -> Result<(), RuleError> {
    profile.allowed_operations().iter().try_for_each(check_address)?;
    profile.environment().try_for_each(check_variable)?;
    check_limits(profile.limits())?;
    check_programs(profile)
}

fn check_address(operation: &Operation) -> Result<(), RuleError> {
    match operation {
        Operation::NetworkInbound(AddressPattern::LocalSocket(_)) => {
            Err(RuleError::ListenLocalSocket { operation: operation.clone() })
        }
        Operation::NetworkOutbound(AddressPattern::Tcp(0) | AddressPattern::Udp(0))
        | Operation::NetworkInbound(AddressPattern::Tcp(0) | AddressPattern::Udp(0)) => {
            Err(RuleError::Port { operation: operation.clone() })
        }
        _ => Ok(()),
    }
}

fn check_variable(name: &str) -> Result<(), RuleError> {
    gaol_spec::check_env_name(name).map_err(|problem| RuleError::Variable { name: name.to_owned(), problem })
}

fn check_limits(limits: &Limits) -> Result<(), RuleError> {
    let bounded = |key, result: Option<Result<(), SpecError>>| match result {
        Some(Err(problem)) => Err(RuleError::Limit { key, problem }),
        Some(Ok(())) | None => Ok(()),
    };
    let duration = |limit| gaol_spec::check_duration(limit).map(drop);
    let size = |limit| gaol_spec::check_size(limit).map(drop);
    let count = |limit| gaol_spec::check_count(limit).map(drop);
    bounded("time", limits.time.map(duration))?;
    bounded("cpu", limits.cpu.map(duration))?;
    bounded("memory", limits.memory.map(size))?;
    bounded("files", limits.files.map(count))?;
    bounded("threads", limits.threads.map(count))?;
    bounded("file_size", limits.file_size.map(size))?;
    bounded("reply", limits.reply.map(size))
}

fn check_programs(profile: &Profile) -> Result<(), RuleError> {
    let operations = profile.allowed_operations();
    for exec in operations {
        let overlaps = |write: &&Operation| match (exec, write) {
            (Operation::ProcessExec(run), Operation::FileWriteAll(written)) => overlap(run, written),
            _ => false,
        };
        if let Some(write) = operations.iter().find(overlaps) {
            return Err(RuleError::WriteAndExec { write: write.clone(), exec: exec.clone() });
        }
    }
    let Some(exec) = operations.iter().find(|operation| matches!(operation, Operation::ProcessExec(_))) else {
        return Ok(());
    };
    if profile.process() == Process::Reused {
        return Err(RuleError::ExecReused { exec: exec.clone() });
    }
    // The last rule, for callers to whom it means nothing: a program may itself be the one process.
    if profile.limits().threads == Some(1) {
        return Err(RuleError::ExecOneThread { exec: exec.clone() });
    }
    Ok(())
}

/// Whether a path belongs to both. Of two trees, or a tree and a file, one then holds the other.
fn overlap(one: &PathPattern, other: &PathPattern) -> bool {
    one.covers(other) || other.covers(one)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;

    fn subpath(path: &str) -> PathPattern {
        PathPattern::subpath(path).expect("a path")
    }

    fn literal(path: &str) -> PathPattern {
        PathPattern::literal(path).expect("a path")
    }

    fn profile(operations: impl IntoIterator<Item = Operation>) -> Profile {
        let mut profile = Profile::NOTHING;
        profile.operations_mut().extend(operations);
        profile
    }

    fn message(profile: &Profile) -> String {
        check(profile).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_written_is_not_run() {
        for (run, written, refused) in [
            (subpath("/opt/tool"), subpath("/opt/tool"), true),
            (subpath("/opt/tool"), subpath("/opt"), true),
            (subpath("/opt"), subpath("/opt/tool"), true),
            (literal("/opt/tool"), subpath("/opt"), true),
            (subpath("/opt"), literal("/opt/tool"), true),
            (literal("/opt/tool"), subpath("/opt/tool"), true),
            (literal("/opt/tool"), literal("/opt/tool"), true),
            (subpath("/opt/tool"), subpath("/"), true),
            (subpath("/opt/tool"), subpath("/opt/tools"), false),
            (literal("/opt/tool"), literal("/opt/other"), false),
            // A file has nothing beneath it.
            (literal("/opt"), subpath("/opt/tool"), false),
        ] {
            let (write, exec) = (Operation::FileWriteAll(written), Operation::ProcessExec(run));
            let found = check(&profile([write.clone(), exec.clone()]));
            let expected = if refused {
                Err(RuleError::WriteAndExec { write: write.clone(), exec: exec.clone() })
            } else {
                Ok(())
            };
            assert_eq!(found, expected, "{write}, {exec}");
        }
    }

    #[test]
    fn a_program_needs_a_process_of_its_own() {
        let exec = Operation::ProcessExec(subpath("/bin/true"));
        let one = Limits { threads: Some(1), ..Limits::DEFAULT };
        for (process, limits, expected) in [
            (Process::Fresh, Limits::DEFAULT, Ok(())),
            (Process::Exec, Limits::DEFAULT, Ok(())),
            (Process::Reused, Limits::DEFAULT, Err(RuleError::ExecReused { exec: exec.clone() })),
            (Process::Fresh, one, Err(RuleError::ExecOneThread { exec: exec.clone() })),
            (Process::Fresh, Limits { threads: Some(2), ..Limits::DEFAULT }, Ok(())),
            (Process::Fresh, Limits { threads: None, ..Limits::DEFAULT }, Ok(())),
        ] {
            let with = |operations: &[Operation]| Profile {
                operations: operations.to_vec().into(),
                process,
                limits,
                ..Profile::NOTHING
            };
            assert_eq!(check(&with(std::slice::from_ref(&exec))), expected, "{process} {limits:?}");
            assert_eq!(check(&with(&[])), Ok(()), "{process} {limits:?}");
        }
    }

    #[test]
    fn too_few_threads_hide_no_other_mistake() {
        let write = Operation::FileWriteAll(subpath("/opt"));
        let run = |path| Operation::ProcessExec(subpath(path));
        let mut profile = profile([run("/bin/true"), run("/opt/tool"), write.clone()]);
        profile.limits_mut().threads = Some(1);
        assert_eq!(check(&profile), Err(RuleError::WriteAndExec { write, exec: run("/opt/tool") }));
    }

    #[test]
    fn each_rule_has_its_message() {
        let socket = || AddressPattern::local_socket("/run/x").expect("a path");
        for (operations, expected) in [
            (
                vec![Operation::FileWriteAll(subpath("/opt")), Operation::ProcessExec(literal("/opt/tool"))],
                "`write = \"/opt\"` lets the function change what `exec = \"literal:/opt/tool\"` runs; write elsewhere or run \
                 elsewhere",
            ),
            (vec![Operation::NetworkOutbound(socket())], ""),
            (
                vec![Operation::NetworkInbound(socket())],
                "`listen = \"unix:/run/x\"` is a Unix socket, which no sandboxed function may bind; bind the socket in the \
                 application, outside",
            ),
            (
                vec![Operation::NetworkOutbound(AddressPattern::Tcp(0))],
                "`net = \"tcp:0\"` names no port; expected a port in 1..=65535",
            ),
            (
                vec![Operation::NetworkInbound(AddressPattern::Udp(0))],
                "`listen = \"udp:0\"` names no port; expected a port in 1..=65535",
            ),
        ] {
            assert_eq!(message(&profile(operations)), expected);
        }
    }

    #[test]
    fn limits_and_variables_are_held_to_the_bounds_of_the_attribute() {
        let limited = |limits| Profile { limits, ..Profile::NOTHING };
        for (limits, expected) in [
            (
                Limits { time: Some(Duration::ZERO), ..Limits::DEFAULT },
                "`time`: a duration of zero leaves nothing to run with; expected at least `1ms`, or `none` for no limit",
            ),
            (
                Limits { threads: Some(0), ..Limits::DEFAULT },
                "`threads`: a count of `0` leaves nothing to run with; expected at least `1`",
            ),
            (
                Limits { reply: Some(0), ..Limits::DEFAULT },
                "`reply`: a size of zero leaves nothing to run with; expected at least `1B`, or `none` for no limit",
            ),
            (Limits { time: None, cpu: None, memory: None, ..Limits::DEFAULT }, ""),
        ] {
            assert_eq!(message(&limited(limits)), expected);
        }
        let mut profile = Profile::NOTHING;
        profile.environment_mut().push(Cow::Borrowed("LANG"));
        assert_eq!(check(&profile), Ok(()));
        profile.environment_mut().push(Cow::Borrowed("LD_PRELOAD"));
        assert_eq!(
            message(&profile),
            "`env = \"LD_PRELOAD\"`: `LD_PRELOAD` steers the dynamic loader; it cannot be passed to a sandboxed process"
        );
    }
}

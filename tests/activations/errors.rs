//! What keeps a process from entering a profile, and what it gets that asks for a sandbox afterwards.

use std::fs;
use std::path::Path;

use gaol::{
    AddressPattern, ChildSandbox, Error, Layer, Operation, OperationSupportLevel, PathPattern, PathProblem, Profile,
    ProfileError, RuleError, Sandbox, sandboxed,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::stage::{activate, exec, limited, metadata, profile, read, refusal, untried, write};
use crate::support::alone::place;

alone_as_each_user! {
    what_only_namespaces_can_keep_is_refused: refuses_what_needs_namespaces;
    what_only_a_newer_landlock_can_keep_is_refused: refuses_what_needs_a_newer_kernel;
    a_path_that_cannot_be_granted_is_named: names_paths;
    what_no_profile_may_hold_is_refused: refuses_rules;
    a_lack_of_descriptors_is_named: names_a_lack;
    in_a_sandboxed_function_it_is_nested: is_nested;
    sandboxed_functions_and_commands_are_refused_afterwards: refuses_sandboxes;
}

/// Nothing was entered: this process does what no profile of these tests allows.
fn is_as_it_was() {
    assert!(fs::read("/etc/passwd").is_ok());
    assert!(std::net::TcpListener::bind("127.0.0.1:0").is_ok());
    assert_ne!(std::env::current_dir().expect("a directory"), Path::new("/"));
    let status = fs::read_to_string("/proc/self/status").expect("its status");
    assert!(status.contains("\nNoNewPrivs:\t0\n") && status.contains("\nSeccomp:\t0\n"), "{status}");
}

#[track_caller]
fn unsupported(profile: Profile, operation: &str, layer: Layer) -> String {
    let error = refusal(profile);
    is_as_it_was();
    match error {
        ProfileError::Unsupported(unsupported) => {
            assert_eq!((unsupported.operation.as_str(), unsupported.layer), (operation, layer), "{unsupported}");
            assert!(!unsupported.step.is_empty() && !unsupported.remedy.is_empty(), "{unsupported}");
            unsupported.to_string()
        }
        other => panic!("{operation}: {other}"),
    }
}

fn refuses_what_needs_namespaces() {
    let text = unsupported(untried(&[metadata("/usr")]), "metadata = \"/usr\"", Layer::Namespaces);
    let expected = "`metadata = \"/usr\"` cannot be kept precisely: namespaces: keep metadata apart from contents (/usr); without \
                    namespaces write `read = …` for the path, or `metadata = \"/\"` to leave all metadata visible";
    assert_eq!(text, expected);
    let text = unsupported(untried(&[exec("/bin/true")]), "exec = \"/bin/true\"", Layer::Namespaces);
    assert!(text.contains("add `metadata = \"/\"`"), "{text}");
    let both = || untried(&[exec("/bin/true"), metadata("/")]);
    let text = unsupported(both(), "threads = 64", Layer::Limits);
    let expected = "`threads = 64` cannot be kept precisely: limits: count the processes that programs start, which may outlive this one; \
                    write `threads = \"none\"`, or start programs by `Profile::command` instead";
    assert_eq!(text, expected);
    // The same with the ways out that were told.
    activate(limited(both(), |limits| limits.threads = None));
}

fn refuses_what_needs_a_newer_kernel() {
    let abi = gaol::support().landlock_abi();
    let path = place().join(format!("socket-{}", std::process::id()));
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a listener");
    let socket = Operation::NetworkOutbound(AddressPattern::local_socket(&path).expect("a path"));
    if abi < 9 {
        unsupported(untried(std::slice::from_ref(&socket)), &socket.to_string(), Layer::Landlock);
    } else {
        eprintln!("Landlock ABI {abi} tells Unix sockets apart");
    }
    for (operation, written) in [
        (Operation::NetworkOutbound(AddressPattern::Udp(53)), "net = \"udp:53\""),
        (Operation::NetworkInbound(AddressPattern::Udp(53)), "listen = \"udp:53\""),
    ] {
        if abi < 10 {
            let text = unsupported(untried(&[operation]), written, Layer::Landlock);
            assert!(text.contains("needs Landlock ABI 10"), "{text}");
        } else {
            eprintln!("Landlock ABI {abi} tells UDP ports apart");
        }
    }
}

fn names_paths() {
    let directory = place().join(format!("paths-{}", std::process::id()));
    fs::create_dir(&directory).expect("a directory");
    let [missing, pipe, socket, link] = ["missing", "pipe", "socket", "link"].map(|name| directory.join(name));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("a pipe");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a listener");
    std::os::unix::fs::symlink("/etc", &link).expect("a link");
    let literal = Operation::FileReadAll(PathPattern::literal(&directory).expect("absolute"));
    let not_a_socket = Operation::NetworkOutbound(AddressPattern::local_socket("/etc/passwd").expect("absolute"));
    type Check = fn(&PathProblem) -> bool;
    let cases: [(Operation, &Path, Check); 6] = [
        (
            read(&missing),
            &missing,
            |problem| matches!(problem, PathProblem::Io(error) if error.kind() == std::io::ErrorKind::NotFound),
        ),
        (read(&pipe), &pipe, |problem| matches!(problem, PathProblem::Pipe)),
        (read(&socket), &socket, |problem| matches!(problem, PathProblem::Socket)),
        (literal, &directory, |problem| matches!(problem, PathProblem::LiteralDirectory)),
        (not_a_socket, Path::new("/etc/passwd"), |problem| matches!(problem, PathProblem::NotASocket)),
        (exec("/etc/passwd"), Path::new("/etc/passwd"), |problem| matches!(problem, PathProblem::Program(_))),
    ];
    for (named, at, check) in cases {
        match refusal(untried(std::slice::from_ref(&named))) {
            ProfileError::Path { operation, path, problem } => {
                assert_eq!((operation, path.as_path()), (named.to_string(), at));
                assert!(check(&problem), "{named}: {problem}");
            }
            other => panic!("{named}: {other}"),
        }
        is_as_it_was();
    }
    // A link where the same profile lets something be written may be anybody's.
    match refusal(untried(&[write(&directory), read(&link)])) {
        ProfileError::Path { path, problem: PathProblem::WritableLink, .. } => assert_eq!(path, link),
        other => panic!("{other}"),
    }
    is_as_it_was();
}

fn refuses_rules() {
    let literal = |path: &str| PathPattern::literal(path).expect("absolute");
    let (exec, write) = (Operation::ProcessExec(literal("/bin/true")), Operation::FileWriteAll(literal("/bin/true")));
    assert!(matches!(Profile::new(vec![exec, write]), Err(ProfileError::Rule(RuleError::WriteAndExec { .. }))));
    let zero = limited(Profile::NOTHING, |limits| limits.memory = Some(0));
    assert!(matches!(refusal(zero), ProfileError::Rule(RuleError::Limit { key: "memory", .. })));
    is_as_it_was();
}

fn names_a_lack() {
    let profile = limited(profile([read("/usr")]), |limits| limits.threads = Some(1));
    let used = fs::read_dir("/proc/self/fd").expect("/proc is mounted").count() as u64;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // One for what the kernel says of the process, and none for a path: that is found before anything is entered.
    let hoard: Vec<fs::File> = (0..used).map(|_| fs::File::open("/dev/null").expect("a file")).collect();
    setrlimit(Resource::Nofile, Rlimit { current: Some(used), ..limit }).expect("a lower limit");
    match refusal(profile.clone()) {
        ProfileError::Start { step, source } => {
            assert_eq!(step, "open /proc/self/status");
            assert_eq!(source.raw_os_error(), Some(libc::EMFILE));
        }
        other => panic!("{other}"),
    }
    setrlimit(Resource::Nofile, limit).expect("the limit as it was");
    drop(hoard);
    is_as_it_was();
    activate(profile);
}

#[sandboxed]
fn activates() -> gaol::Result<String> {
    match ChildSandbox::new(Profile::NOTHING).activate() {
        Err(ProfileError::Nested) => Ok(ProfileError::Nested.to_string()),
        other => Err(format!("{other:?}").into()),
    }
}

#[sandboxed(process = "reused", read = "/usr")]
fn activates_with_a_file() -> gaol::Result<String> {
    match ChildSandbox::new(Profile::NOTHING).activate() {
        Err(ProfileError::Nested) => Ok(ProfileError::Nested.to_string()),
        other => Err(format!("{other:?}").into()),
    }
}

fn is_nested() {
    let expected =
        "this process is in a sandbox, which can start no other; do it in the application and pass the result in";
    assert_eq!(activates().expect("a refusal"), expected);
    assert_eq!(activates_with_a_file().expect("a refusal"), expected);
}

#[sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

fn refuses_sandboxes() {
    let allowed = profile([read("/usr"), exec("/bin/true"), metadata("/")]);
    assert_eq!(doubles(4).expect("a call"), 8);
    assert!(allowed.command("/bin/true").status().expect("a program").success());
    activate(limited(allowed.clone(), |limits| limits.threads = None));
    assert!(matches!(doubles(4), Err(Error::Nested { .. })));
    let unprepared = gaol::prepare().expect_err("nothing can be prepared");
    assert!(unprepared.errors().iter().all(|error| matches!(error, Error::Nested { .. })), "{unprepared}");
    assert!(matches!(Profile::new(vec![]), Err(ProfileError::Nested)));
    assert!(matches!(allowed.check(), Err(ProfileError::Nested)));
    let support = read("/usr").support();
    assert_eq!(support.level(), OperationSupportLevel::NeverAllowed);
    assert!(matches!(support.reason(), Some(ProfileError::Nested)));
    let support = gaol::support();
    assert!(Layer::ALL.iter().all(|layer| !support.has(*layer)), "{support}");
    for command in [
        Box::new(|| drop(allowed.command("/bin/true"))) as Box<dyn Fn()>,
        Box::new(|| drop(Sandbox::new(allowed.clone()).command("/bin/true"))),
    ] {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(command)).expect_err("a panic");
        let message = panic.downcast_ref::<&str>().copied().expect("a message");
        assert_eq!(message, "a sandbox can start no other: call `Profile::command` in the application");
    }
}

//! What the kernel says of an activated process, and its interfaces that no profile lists.

use std::fs;

use gaol::{Layer, Profile};
use libc::{EACCES, ENOSYS, EPERM};
use rustix::process::Signal;

use super::stage::{activate, begin, errno_of, fork, limited, profile, read, syscall};

alone_as_each_user! {
    privileges_are_gone_for_good: has_no_privileges;
    its_memory_goes_into_no_dump: leaves_no_dump;
    the_layers_are_told: tells_its_layers;
    interfaces_of_the_kernel_are_refused: refuses_interfaces;
    attacks_on_the_kernel_are_the_end: dies_of_attacks;
    data_is_not_run: runs_no_data;
    privileges_do_not_come_back: regains_nothing;
}

/// A line of a process's status, without its name.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
}

fn has_no_privileges() {
    let mut acting = begin(|line| {
        activate(profile([]));
        line.ready();
    });
    acting.when_ready();
    let status = fs::read_to_string(format!("/proc/{}/status", acting.raw_pid())).expect("its status");
    let none = "0000000000000000";
    let mut sets = vec!["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"];
    // Only who has CAP_SETPCAP can give up what could never be had again.
    if rustix::process::geteuid().is_root() {
        sets.push("CapBnd:");
    }
    for set in sets {
        assert_eq!(field(&status, set), none, "{set}");
    }
    assert_eq!(field(&status, "NoNewPrivs:"), "1");
    assert_eq!(field(&status, "Seccomp:"), "2");
    acting.go_on();
    acting.succeeds();
}

fn leaves_no_dump() {
    let mut acting = begin(|line| {
        activate(profile([]));
        line.ready();
        let dumpable = rustix::process::dumpable_behavior().expect("what it is");
        assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
        assert_eq!(errno_of(syscall(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0])), Some(EPERM));
        for (resource, limit) in [
            (rustix::process::Resource::Core, Some(0)),
            (rustix::process::Resource::Memlock, Some(0)),
            (rustix::process::Resource::Msgqueue, Some(0)),
        ] {
            let held = rustix::process::getrlimit(resource);
            assert_eq!((held.current, held.maximum), (limit, limit), "{resource:?}");
        }
    });
    acting.when_ready();
    if !rustix::process::geteuid().is_root() {
        // The kernel gives what is about an undumpable process to root.
        let memory = fs::File::open(format!("/proc/{}/mem", acting.raw_pid()));
        assert_eq!(errno_of(memory), Some(EACCES), "another process of the same user's");
    }
    acting.go_on();
    acting.succeeds();
}

fn tells_its_layers() {
    let abi = gaol::support().landlock_abi();
    let enforcement = activate(profile([read("/usr")]));
    let layers: Vec<Layer> = enforcement.layers().collect();
    assert_eq!(layers, [Layer::Hygiene, Layer::Capabilities, Layer::Limits, Layer::Landlock, Layer::Seccomp]);
    assert!(!enforcement.has(Layer::Namespaces));
    assert_eq!(enforcement.landlock_abi(), abi);
    let expected = format!("hygiene, capabilities, limits, Landlock (ABI {abi}), seccomp");
    assert_eq!(enforcement.to_string(), expected);
    let narrower = activate(profile_without_a_zygote());
    assert_eq!(narrower, enforcement, "a narrower profile leaves no layer");
}

fn profile_without_a_zygote() -> Profile {
    limited(Profile::NOTHING, |limits| limits.threads = Some(1))
}

fn refuses_interfaces() {
    activate(profile([read("/usr")]));
    let path = c"/usr".as_ptr() as u64;
    let mut room = [0_u64; 32];
    let room = room.as_mut_ptr() as u64;
    for (what, call, arguments, errno) in [
        ("unshare(CLONE_NEWUSER)", libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0, 0], EPERM),
        ("clone(CLONE_NEWUSER)", libc::SYS_clone, [0x1000_0011, 0, 0, 0, 0, 0], EPERM),
        ("clone3", libc::SYS_clone3, [room, 88, 0, 0, 0, 0], ENOSYS),
        ("setns", libc::SYS_setns, [0, 0, 0, 0, 0, 0], EPERM),
        ("chroot", libc::SYS_chroot, [path, 0, 0, 0, 0, 0], EPERM),
        ("mount", libc::SYS_mount, [path, path, 0, 4096, 0, 0], EPERM),
        ("umount2", libc::SYS_umount2, [path, 0, 0, 0, 0, 0], EPERM),
        ("pivot_root", libc::SYS_pivot_root, [path, path, 0, 0, 0, 0], EPERM),
        ("io_uring_setup", libc::SYS_io_uring_setup, [8, room, 0, 0, 0, 0], ENOSYS),
        ("openat2", libc::SYS_openat2, [u64::MAX - 99, path, room, 24, 0, 0], ENOSYS),
        ("perf_event_open", libc::SYS_perf_event_open, [room, 0, 0, 0, 0, 0], EPERM),
        ("keyctl", libc::SYS_keyctl, [0, 0, 0, 0, 0, 0], EPERM),
        ("add_key", libc::SYS_add_key, [path, path, 0, 0, 0, 0], EPERM),
        ("personality", libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0, 0], EPERM),
        ("inotify_init1", libc::SYS_inotify_init1, [0, 0, 0, 0, 0, 0], EPERM),
        ("fanotify_init", libc::SYS_fanotify_init, [0, 0, 0, 0, 0, 0], EPERM),
        ("shmget", libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0], EPERM),
        ("msgget", libc::SYS_msgget, [0, 0o1600, 0, 0, 0, 0], EPERM),
        ("mq_open", libc::SYS_mq_open, [path, 0, 0, 0, 0, 0], EPERM),
        ("setxattr", libc::SYS_setxattr, [path, path, path, 0, 0, 0], EPERM),
        ("name_to_handle_at", libc::SYS_name_to_handle_at, [0, path, room, room, 0, 0], EPERM),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [0, room, 0, 0, 0, 0], EPERM),
        ("settimeofday", libc::SYS_settimeofday, [0, 0, 0, 0, 0, 0], EPERM),
        ("setuid", libc::SYS_setuid, [0, 0, 0, 0, 0, 0], EPERM),
        ("capset", libc::SYS_capset, [room, room, 0, 0, 0, 0], EPERM),
        ("ioctl(TIOCSTI)", libc::SYS_ioctl, [0, 0x5412, room, 0, 0, 0], EPERM),
        (
            "ioctl(TIOCSTI), with a bit that the kernel does not read",
            libc::SYS_ioctl,
            [0, 0x1_0000_5412, room, 0, 0, 0],
            EPERM,
        ),
        ("fcntl(F_SETOWN)", libc::SYS_fcntl, [1, 8, 1, 0, 0, 0], EPERM),
    ] {
        assert_eq!(errno_of(syscall(call, arguments)), Some(errno), "{what}");
    }
}

fn dies_of_attacks() {
    for (what, call, arguments) in [
        ("bpf", libc::SYS_bpf, [0; 6]),
        ("userfaultfd", libc::SYS_userfaultfd, [0; 6]),
        ("ptrace", libc::SYS_ptrace, [0; 6]),
        ("a call of another architecture's numbers", 0x4000_0000, [0; 6]),
    ] {
        let end = fork(|| {
            activate(profile([]));
            let answer = syscall(call, arguments);
            panic!("{what}: {answer:?}");
        });
        end.is_by(Signal::SYS);
    }
}

fn runs_no_data() {
    activate(profile([read("/usr")]));
    let (none, private) = (u64::MAX, (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64);
    let executable = (libc::PROT_READ | libc::PROT_EXEC) as u64;
    assert_eq!(errno_of(syscall(libc::SYS_mmap, [0, 4096, executable, private, none, 0])), Some(EACCES));
    let writable = (libc::PROT_READ | libc::PROT_WRITE) as u64;
    let map = syscall(libc::SYS_mmap, [0, 4096, writable, private, none, 0]).expect("memory");
    assert_eq!(errno_of(syscall(libc::SYS_mprotect, [map, 4096, executable, 0, 0, 0])), Some(EACCES));
}

fn regains_nothing() {
    activate(profile([]));
    // More filters may be installed, and allow nothing that is refused.
    let allow = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];
    let program = libc::sock_fprog { len: 1, filter: allow.as_ptr().cast_mut() };
    let program = (&raw const program) as u64;
    syscall(libc::SYS_seccomp, [1, 0, program, 0, 0, 0]).expect("one more filter");
    assert_eq!(errno_of(syscall(libc::SYS_socket, [2, 1, 0, 0, 0, 0])), Some(libc::EAFNOSUPPORT));
    // Not one that asks, which its installer would answer: by that it could slow down, and see, what other threads do.
    let new_listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    assert_eq!(errno_of(syscall(libc::SYS_seccomp, [1, new_listener, program, 0, 0, 0])), Some(EPERM));
    assert_eq!(errno_of(syscall(libc::SYS_seccomp, [0, 0, 0, 0, 0, 0])), Some(EPERM), "strict mode");
    // The handler that answers for the filters stays.
    let action = [0_u64; 4];
    let arguments = [libc::SIGSYS as u64, action.as_ptr() as u64, 0, 8, 0, 0];
    assert_eq!(errno_of(syscall(libc::SYS_rt_sigaction, arguments)), Some(EPERM));
    for option in [libc::PR_CAP_AMBIENT, libc::PR_SET_SECUREBITS, libc::PR_SET_KEEPCAPS, libc::PR_SET_PTRACER] {
        let answer = syscall(libc::SYS_prctl, [option.unsigned_abs().into(), 1, 0, 0, 0, 0]);
        assert_eq!(errno_of(answer), Some(EPERM), "prctl {option}");
    }
}

//! Rows 40, 41, 83, 260–268: the files that are no files, beneath `/proc`, `/sys` and `/dev`.
//!
//! Under profiles that nobody should write: all of `/proc` to read, everything to read, and everything to read and to write.
//!
//! # Safety
//!
//! The write through `/proc/self/mem` changes a page of code to what it is: one byte of a function that is read first.
#![allow(unsafe_code)]

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, ENOENT, EPERM, EROFS};
use serde::{Deserialize, Serialize};

use super::expect::{all_metadata, not_applicable};
use super::place::{Place, SECRET};
use super::profiles::Profile::{Everything, Nothing, Proc, Read, Wide};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, open, read_some};

/// What is done with such a file; the number is its place in one of the tables.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcAct {
    /// Reads a file of the parent's, of which everything is closed.
    Closed(u8),
    /// Reads a file of the parent's, which says what `ps` says.
    Told(u8),
    /// Opens a file for writing, and writes nothing.
    Setting(u8),
    /// Opens a device.
    Device(u8),
    /// Reads what the kernel tells to the privileged alone.
    Kernel(u8),
    /// Reads the secret by way of a link that the kernel follows by itself.
    Magic(u8),
    /// Reads where such a link leads.
    MagicTarget(u8),
    /// Makes a file in a file system that all processes share.
    Shared(u8),
    /// Addresses of the kernel's own functions.
    KernelAddresses,
    /// Where in the machine's memory a page lies.
    PhysicalAddresses,
    /// Writes to code of this process.
    OwnCode,
    /// Makes a group of processes, and leaves one.
    MakeGroup,
}

/// Files of another process whose contents are its own. Some are opened, and then not read.
pub(crate) const CLOSED: [&str; 16] = [
    "mem",
    "environ",
    "maps",
    "smaps",
    "smaps_rollup",
    "numa_maps",
    "pagemap",
    "auxv",
    "io",
    "syscall",
    "personality",
    "timerslack_ns",
    "fdinfo",
    "map_files",
    "task/PPID/environ",
    "task/PPID/maps",
];

/// Files of another process that everybody may read, or every process of its user. Of its descriptors that is the numbers alone.
pub(crate) const TOLD: [&str; 13] = [
    "cmdline",
    "comm",
    "stat",
    "status",
    "statm",
    "cgroup",
    "limits",
    "mountinfo",
    "oom_score",
    "schedstat",
    "wchan",
    "net/tcp",
    "fd",
];

/// What changes the system, or what becomes of a process.
pub(crate) const SETTINGS: [&str; 29] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sysrq-trigger",
    "/proc/PPID/oom_score_adj",
    "/proc/PPID/clear_refs",
    "/proc/PPID/comm",
    "/proc/PPID/mem",
    "/proc/self/oom_score_adj",
    "/proc/self/coredump_filter",
    "/proc/self/clear_refs",
    "/proc/self/comm",
    "/proc/self/mem",
    "/proc/self/uid_map",
    "/proc/self/attr/exec",
    "/proc/self/timerslack_ns",
    "/proc/self/loginuid",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/pids/tasks",
    "/dev/null",
    "/dev/kmsg",
];

pub(crate) const DEVICES: [&str; 10] = [
    "/dev/mem",
    "/dev/loop0",
    "/dev/loop-control",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net/tun",
    "/dev/kmsg",
    "/dev/ptmx",
    "/dev/tty",
    "/dev/hwrng",
];

pub(crate) const KERNEL: [&str; 2] = ["/proc/kcore", "/proc/kmsg"];

/// Links that lead to what they name, not to where a path would.
pub(crate) const MAGIC: [&str; 5] =
    ["/proc/self/root", "/proc/PPID/root", "/proc/PPID/cwd", "/proc/self/cwd", "/proc/thread-self/root"];

pub(crate) const TARGETS: [&str; 9] = [
    "/proc/self/exe",
    "/proc/self/ns/net",
    "/proc/self/ns/user",
    "/proc/self/ns/mnt",
    "/proc/PPID/exe",
    "/proc/PPID/cwd",
    "/proc/PPID/root",
    "/proc/PPID/ns/net",
    "/proc/PPID/fd/0",
];

pub(crate) const SHARED: [&str; 5] = ["/dev/shm", "/dev/mqueue", "/tmp", "/run", "/var/tmp"];

fn path(text: &str, place: &Place) -> std::ffi::CString {
    c_path(text.replace("PPID", &place.parent.to_string()))
}

pub(crate) fn perform(act: ProcAct, place: &Place) -> Attempt {
    let parent = |name: &str| path(&format!("/proc/PPID/{name}"), place);
    match act {
        ProcAct::Closed(index) => {
            let name = CLOSED[usize::from(index)];
            let fd = open(&parent(name), libc::O_RDONLY)?;
            // Of the memory a page at an address that is known, of the rest the beginning.
            if name == "mem" {
                let mut buffer = [0_u8; SECRET.len()];
                call!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), buffer.len(), place.parent_secret_address)?;
                return Ok(String::from_utf8_lossy(&buffer).into_owned());
            }
            contents(fd)
        }
        ProcAct::Told(index) => contents(open(&parent(TOLD[usize::from(index)]), libc::O_RDONLY)?),
        ProcAct::Setting(index) => {
            open(&path(SETTINGS[usize::from(index)], place), libc::O_WRONLY).map(|_| "open for writing".into())
        }
        ProcAct::Device(index) => {
            let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
            open(&path(DEVICES[usize::from(index)], place), flags).map(|_| "open".into())
        }
        ProcAct::Kernel(index) => {
            read_some(open(&path(KERNEL[usize::from(index)], place), libc::O_RDONLY | libc::O_NONBLOCK)?)
        }
        ProcAct::Magic(index) => {
            let link = MAGIC[usize::from(index)].replace("PPID", &place.parent.to_string());
            // From a directory, whichever it is, up to the root above it, which is the root's own parent.
            let depth = if link.ends_with("cwd") { place.core_directory.components().count() } else { 0 };
            let way = link + &"/..".repeat(depth) + &place.secret.display().to_string();
            read_some(open(&c_path(way), libc::O_RDONLY)?)
        }
        ProcAct::MagicTarget(index) => {
            let mut buffer = [0_u8; 4096];
            let link = path(TARGETS[usize::from(index)], place);
            let count = call!(libc::SYS_readlinkat, libc::AT_FDCWD, &link, buffer.as_mut_ptr(), buffer.len())?;
            Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
        }
        ProcAct::Shared(index) => {
            let name = c_path(format!("{}/gaol-matrix-{}", SHARED[usize::from(index)], place.parent));
            open(&name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)?;
            call!(libc::SYS_unlinkat, libc::AT_FDCWD, &name, 0).map(|_| "made, and removed".into())
        }
        ProcAct::KernelAddresses => {
            let content = read_some(open(c"/proc/kallsyms", libc::O_RDONLY)?)?;
            let hidden = content.lines().all(|line| line.bytes().take(16).all(|digit| digit == b'0'));
            if hidden { Err(Refusal::Absent) } else { Ok(content) }
        }
        ProcAct::PhysicalAddresses => {
            let on_stack = std::hint::black_box(0_u8);
            let fd = open(c"/proc/self/pagemap", libc::O_RDONLY)?;
            let mut entry = 0_u64;
            call!(libc::SYS_pread64, fd, &raw mut entry, 8, (&raw const on_stack as usize >> 12) * 8)?;
            let frame = entry & ((1 << 55) - 1);
            if frame == 0 { Err(Refusal::Absent) } else { Ok(format!("frame {frame:#x}")) }
        }
        ProcAct::OwnCode => {
            let code = perform as *const () as usize;
            // SAFETY: the first byte of a function of this program may be read.
            let byte = unsafe { std::ptr::read_volatile(code as *const u8) };
            let fd = open(c"/proc/self/mem", libc::O_RDWR)?;
            call!(libc::SYS_pwrite64, fd, &raw const byte, 1, code).map(|_| "code is written".into())
        }
        ProcAct::MakeGroup => {
            let name = c_path(format!("/sys/fs/cgroup/gaol-matrix-{}", place.parent));
            call!(libc::SYS_mkdirat, libc::AT_FDCWD, &name, 0o700)?;
            call!(libc::SYS_unlinkat, libc::AT_FDCWD, &name, libc::AT_REMOVEDIR).map(|_| "made, and removed".into())
        }
    }
}

/// What a file holds, or the names in a directory.
fn contents(fd: i32) -> Attempt {
    let mut buffer = [0_u64; 512];
    match call!(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), 4096) {
        Err(Refusal::Errno(libc::ENOTDIR)) => {
            let count = call!(libc::SYS_read, fd, buffer.as_mut_ptr(), 4096)?;
            if count == 0 { Err(Refusal::Absent) } else { Ok(format!("{count} bytes")) }
        }
        // Itself, and what is above.
        Ok(0..=48) => Err(Refusal::Absent),
        names => names.map(|count| format!("{count} bytes of names")),
    }
}

/// What stands in the way of this user's writing to a file: nothing, its mode, or that there is none.
fn in_the_way(name: &str) -> Option<i32> {
    let name = name.replace("PPID", "self");
    std::fs::File::options().write(true).open(name).err().and_then(|error| error.raw_os_error())
}

fn is_there(name: &str) -> bool {
    std::fs::symlink_metadata(name).is_ok()
}

/// The rows, which say of programs only what is otherwise. What the kernel asks here is alike for a function, a program and a process under a
/// profile: may the one trace the other (not out of its Landlock domain), has it the capability (it has none), how is the file
/// mounted. No `/proc` is mounted in a private root: one that is granted is the application's, `/proc/self` is whoever asks, and PPID
/// is the application in each way. An activation keeps the application's mounts, so that Landlock says what it says in tier B.
///
/// A program is otherwise in three things. It has paths under every profile, its own: where a function's filter refuses every path, a
/// program does not find it in the private root, or Landlock refuses it. It may write `/dev/null`. And in tier B all metadata is granted,
/// and what its own links lead to with it.
pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const ABSENT: &str = "this system has no such file, or lets nobody";
    const PRIVILEGE: &str = "the file is root's";
    const PUBLIC: &str = "this row shows what is told, and SECURITY.md says so";
    const OVERWRITES_ITSELF: &str = "no profile lets a program be written that it lets be run";
    let mut rows = Vec::new();
    let each = |names: &'static [&'static str]| names.iter().enumerate().map(|(index, name)| (index as u8, *name));

    let root = rustix::process::geteuid().is_root();
    for profile in [Proc, Wide] {
        for (index, name) in each(&CLOSED) {
            let answer = match name {
                "syscall" | "personality" | "timerslack_ns" => EPERM.into(),
                "map_files" => Answer::Absent,
                _ => EACCES.into(),
            };
            rows.push(
                row(260, format!("/proc/PPID/{name} under {profile:?}"), ProcAct::Closed(index))
                    .under(profile)
                    .always(answer)
                    .open_without(EVERY)
                    .may_lack(ABSENT),
            );
        }
        for (index, name) in each(&TOLD) {
            rows.push(
                row(261, format!("/proc/PPID/{name} under {profile:?}"), ProcAct::Told(index))
                    .under(profile)
                    .always(Answer::done())
                    .no_control(PUBLIC),
            );
        }
    }
    for (index, name) in each(&TOLD) {
        // The names in a directory are metadata.
        let by_command = if name == "fd" { all_metadata() } else { EACCES.into() };
        rows.push(
            row(261, format!("/proc/PPID/{name} under Read"), ProcAct::Told(index))
                .under(Read)
                .refused(ENOENT, EACCES)
                .by_command(ENOENT, by_command)
                .open_without(EVERY)
                .may_lack(ABSENT),
        );
    }
    for (index, name) in each(&SETTINGS) {
        let number = if name.starts_with("/sys/fs/cgroup") { 83 } else { 40 };
        // In tier A a device in a grant is dead before anybody asks whether it may be written.
        let (a, b) = match in_the_way(name) {
            Some(libc::ENOENT) => (ENOENT, ENOENT),
            None if !name.starts_with("/dev") => (EROFS, EACCES),
            _ => (EACCES, EACCES),
        };
        for profile in [Wide, Nothing] {
            let one = row(number, format!("open({name}, O_WRONLY) under {profile:?}"), ProcAct::Setting(index));
            let one = if profile == Wide { one.under(Wide).refused(a, b) } else { one.always(EPERM) };
            let one = if profile == Wide && name.starts_with("/proc/self/") && !is_public(name) {
                one.for_others(EACCES, EACCES)
            } else {
                one
            };
            let one = match (name, profile) {
                // Every program may write it: it is bound by its own name, where devices are not dead.
                ("/dev/null", _) => one.by_command(Answer::done(), Answer::done()),
                (_, Nothing) => one.by_command(ENOENT, b),
                _ => one,
            };
            rows.push(if a == ENOENT { one.no_control(ABSENT) } else { one.open_without(EVERY).root_only(PRIVILEGE) });
        }
    }
    for (index, name) in each(&DEVICES) {
        let one = row(262, format!("open({name}) under Read"), ProcAct::Device(index)).under(Read);
        rows.push(if is_there(name) {
            one.refused(ENOENT, EACCES).open_without(EVERY).root_only(PRIVILEGE).may_lack(ABSENT)
        } else {
            one.always(ENOENT).no_control(ABSENT)
        });
    }
    for (index, name) in each(&KERNEL) {
        let one = row(263, format!("read({name}) under Wide"), ProcAct::Kernel(index)).under(Wide);
        rows.push(if is_there(name) {
            one.always(if root { EPERM } else { EACCES }).open_without(EVERY).root_only(PRIVILEGE)
        } else {
            one.always(ENOENT).no_control(ABSENT)
        });
    }
    for (index, name) in each(&MAGIC) {
        for profile in [Read, Proc] {
            // Another process's links are judged as its memory is.
            let a = if profile == Proc && name.contains("PPID") { EACCES } else { ENOENT };
            rows.push(
                row(41, format!("open({name}/secret) under {profile:?}"), ProcAct::Magic(index))
                    .under(profile)
                    .refused(a, EACCES)
                    .open_without(EVERY),
            );
        }
    }
    for (index, name) in each(&TARGETS) {
        // Where a link of one's own leads is metadata; another's is judged as its memory is.
        let told: Answer = if name.contains("PPID") { EACCES.into() } else { all_metadata() };
        rows.push(
            row(41, format!("readlink({name}) under Read"), ProcAct::MagicTarget(index))
                .under(Read)
                .refused(ENOENT, EACCES)
                .by_command(ENOENT, told.clone())
                .open_without(EVERY),
        );
        let one = row(41, format!("readlink({name}) under Proc"), ProcAct::MagicTarget(index)).under(Proc);
        rows.push(if name.contains("PPID") {
            one.always(EACCES).open_without(EVERY)
        } else {
            one.refused(Answer::done(), EACCES).by_command(Answer::done(), told).no_control(PUBLIC)
        });
    }
    for (index, name) in each(&SHARED) {
        let one = row(264, format!("create in {name} under Wide"), ProcAct::Shared(index)).under(Wide);
        rows.push(if is_there(name) {
            one.refused(EROFS, EACCES).open_without(EVERY).root_only(PRIVILEGE)
        } else {
            one.always(ENOENT).no_control(ABSENT)
        });
    }
    let hidden = [
        (265, "the kernel's own addresses, by /proc/kallsyms", ProcAct::KernelAddresses),
        (267, "physical addresses, by /proc/self/pagemap", ProcAct::PhysicalAddresses),
    ];
    for (number, name, act) in hidden {
        let one = row(number, format!("{name}, under Wide"), act)
            .under(Wide)
            .always(Answer::Absent)
            .open_without(EVERY)
            .root_only(PRIVILEGE);
        rows.push(if number == 267 { one.for_others(EACCES, EACCES) } else { one });
    }
    rows.push(
        row(266, "a write to code by /proc/self/mem under Wide", ProcAct::OwnCode)
            .under(Wide)
            .refused(EROFS, EACCES)
            .for_others(EACCES, EACCES)
            .open_without(EVERY),
    );
    // Who may write everything may write this too, if it is root's; the threat model says so.
    let answer = if root { Answer::done() } else { EACCES.into() };
    rows.push(
        row(266, "a write to code by /proc/self/mem under Everything", ProcAct::OwnCode)
            .under(Everything)
            .always(answer)
            .by_command(not_applicable(OVERWRITES_ITSELF), not_applicable(OVERWRITES_ITSELF))
            .no_control(PUBLIC),
    );
    for (profile, a, b) in [(Nothing, EPERM, EPERM), (Wide, EROFS, EACCES)] {
        rows.push(
            row(83, format!("mkdir(/sys/fs/cgroup/...) under {profile:?}"), ProcAct::MakeGroup)
                .under(profile)
                .refused(a, b)
                .by_command(if profile == Nothing { ENOENT } else { a }, EACCES)
                .open_without(EVERY)
                .root_only(PRIVILEGE)
                .may_lack(ABSENT),
        );
    }
    rows
}

/// Whether anybody may open it for writing: these files are everybody's, also of a process that is not dumpable.
fn is_public(name: &str) -> bool {
    name.ends_with("/timerslack_ns") || name.starts_with("/proc/self/attr/")
}

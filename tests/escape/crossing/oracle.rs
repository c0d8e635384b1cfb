//! What each act must get under a profile, in a tier, for a user: computed from the promise, act by act.
//!
//! A rule reads like the act it is for: what the act does, step by step, each step with what stands before it. Where every step is allowed,
//! the act comes to its aim. Nothing of gaol's own tables is used.

use libc::{
    EACCES, EAFNOSUPPORT, EBADF, ECONNREFUSED, EINVAL, ENAMETOOLONG, ENOENT, ENOLCK, ENOPROTOOPT, ENOSYS, EOPNOTSUPP,
    EPERM, ESRCH, EXDEV,
};

use super::super::Act;
use super::super::files::{FileAct, Target};
use super::super::handed::HandAct;
use super::super::hands::Hand;
use super::super::inheritance::InheritedAct;
use super::super::kernel::KernelAct;
use super::super::memory::MemoryAct;
use super::super::metadata::MetadataAct;
use super::super::mounts::MountAct;
use super::super::others::{OtherAct, ProcFile, Victim};
use super::super::place::EXIT_CODE;
use super::super::proc::{CLOSED, DEVICES, KERNEL, MAGIC, ProcAct, SETTINGS, SHARED, TARGETS, TOLD};
use super::super::programs::ProgramAct;
use super::super::row::{Answer, Tier};
use super::super::sockets::{SocketAct, SocketOption};
use super::super::sweep::all_but;
use super::super::terminal::TerminalAct;
use super::super::variants::Variant;
use super::combined::{CombinedAct, On};
use super::factors::{Handed, Net, Read};
use super::many;
use super::world::{Open, Paths, Rule, Stop, World};

/// What an act must get.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Answer(Answer),
    /// The promise does not say, for this reason.
    Gap(&'static str),
    /// A hole that is known.
    Open(&'static str),
    /// The act is not crossed, for this reason.
    NotCrossed(&'static str),
}

/// The rule of an act.
pub(crate) fn verdict(act: Act, world: &World<'_>) -> Verdict {
    let rule = match act {
        Act::File(act) => file(act, world),
        Act::Metadata(act) => metadata(act, world),
        Act::Mount(act) => mount(act, world),
        Act::Other(act) => other(act, world),
        Act::Kernel(act) => kernel(act, world),
        Act::Memory(act) => memory(act, world),
        Act::Program(act) => program(act, world),
        Act::Socket(act) => socket(act, world),
        Act::Inherited(act) => inherited(act, world),
        Act::Terminal(act) => terminal(act, world),
        Act::Variant(act) => variant(act, world),
        Act::Hand(act) => hand(act, world),
        Act::Proc(act) => proc(act, world),
        Act::Combined(act) => combined(act, world),
        Act::Resource(act) => match many::resource(act, world) {
            Some(rule) => rule,
            None => {
                return Verdict::NotCrossed(
                    "it takes a second by itself, or is the end of its process: rows 101 to 107",
                );
            }
        },
        Act::Table(class, number) => many::table(class, number, world),
        Act::Sweep(sweep, number) => many::sweep(sweep, number, world),
        Act::Protocol(_) => return Verdict::NotCrossed("it is about a reply, which is alike under every profile"),
        Act::Supervisor(_) => {
            return Verdict::NotCrossed("it is a race of thousands of rounds about who answers a call");
        }
    };
    match rule {
        Ok(()) => Verdict::Answer(Answer::done()),
        Err(Stop::At(answer)) => Verdict::Answer(answer),
        Err(Stop::Unknown(gap)) => Verdict::Gap(gap),
        Err(Stop::Open(hole)) => Verdict::Open(hole),
    }
}

pub(crate) fn errno(errno: i32) -> Rule {
    Err(Stop::At(Answer::Errno(errno)))
}

fn absent() -> Rule {
    Err(Stop::At(Answer::Absent))
}

/// The filter ends whoever calls, whatever the profile says.
pub(crate) fn ends() -> Rule {
    Err(Stop::At(Answer::Violation))
}

fn file(act: FileAct, world: &World<'_>) -> Rule {
    use FileAct as F;
    let path = |target: Target| world.path(target);
    match act {
        F::Read(Target::TooLong) => {
            world.has_paths(EPERM)?;
            errno(ENAMETOOLONG)
        }
        F::Read(target) | F::ReadOldOpen(target) => world.open(&path(target), Open::Read),
        F::ReadOpenat2(_) => errno(ENOSYS),
        F::Write(target) | F::Append(target) => world.open(&path(target), Open::Write),
        F::ReadWrite(target) => world.open(&path(target), Open::ReadWrite),
        F::Create(target) | F::OldCreat(target) => world.open(&path(target), Open::Create),
        F::Truncate(target) => {
            world.writes()?;
            world.change(&world.reach(&path(target), true)?)
        }
        F::OpenTruncate(_) => {
            world.has_paths(EPERM)?;
            world.refused(EACCES)
        }
        F::FileTruncate(target) => match world.open(&path(target), Open::ReadWrite) {
            Err(Stop::At(Answer::Errno(_))) => {
                world.open(&path(target), Open::Read)?;
                errno(EINVAL)
            }
            other => other,
        },
        F::List(target) => world.open(&path(target), Open::Read),
        F::MakeDirectory(target) | F::MakeSymlink(target) => world.make(&path(target)),
        F::RemoveDirectory(target) | F::Remove(target) => world.remove(&path(target)),
        // No profile makes pipes or devices.
        F::MakeFifo(_) | F::MakeDevice(_) => world.refused(EPERM),
        F::TemporaryFile(target) => world.make_unnamed(&path(target)),
        F::HardLink(from, to) => {
            world.writes()?;
            let from = world.reach(&path(from), false)?;
            let to = world.reach_new(&path(to))?;
            world.change(&to)?;
            if world.is_written(&from) && world.mount(&from) == world.mount(&to) { Ok(()) } else { errno(EXDEV) }
        }
        F::Rename(from, to) => world.rename(&path(from), &path(to)),
        F::Exchange(one, other) => world.rename(&path(one), &path(other)),
        F::RenameAncestor => {
            let (from, to) = (world.place.secret_directory.join("deep"), world.place.writable.join("taken"));
            world.rename(&from, &to)
        }
        F::ThroughPlantedDirectory => {
            world.has_paths(EPERM)?;
            errno(EBADF)
        }
        F::Reopen(target) => {
            let real = world.reach(&path(target), true);
            world.open(&path(target), Open::Read)?;
            world.writes()?;
            // By name from whoever asks, to what is open, which is on the mount that it was opened on.
            world.reach("/proc/self/fd".as_ref(), true)?;
            world.change(&real?)
        }
        // No file has holes made in it.
        F::PunchHole(target) => match world.open(&path(target), Open::ReadWrite) {
            Err(Stop::At(Answer::Errno(_))) => {
                world.open(&path(target), Open::Read)?;
                errno(EOPNOTSUPP)
            }
            Ok(()) => errno(EOPNOTSUPP),
            other => other,
        },
        F::Reserve(target) => match world.open(&path(target), Open::ReadWrite) {
            Err(Stop::At(Answer::Errno(_))) => {
                world.open(&path(target), Open::Read)?;
                errno(EBADF)
            }
            other => other,
        },
        F::CopyRange(target) => {
            world.open(&path(target), Open::Read)?;
            match world.open(&path(target), Open::ReadWrite) {
                Err(Stop::At(Answer::Errno(_))) => errno(EBADF),
                other => other,
            }
        }
    }
}

fn metadata(act: MetadataAct, world: &World<'_>) -> Rule {
    use MetadataAct as M;
    let path = |target: Target| world.path(target);
    match act {
        M::Stat(Target::TooLong) => {
            world.has_paths(EPERM)?;
            errno(ENAMETOOLONG)
        }
        M::Stat(target)
        | M::OldStat(target)
        | M::Statx(target)
        | M::Faccessat(target)
        | M::Faccessat2(target)
        | M::OldAccess(target) => world.tell(&path(target), true),
        M::OldLstat(target) => world.tell(&path(target), false),
        M::Readlink(target) | M::OldReadlink(target) => world.read_link(&path(target)),
        M::Statfs(target) => {
            world.has_paths(EPERM)?;
            match world.tier {
                Tier::A => world.reach(&path(target), true).map(drop),
                Tier::B if world.profile.exec => errno(EACCES),
                Tier::B => world.refused(EACCES),
            }
        }
        M::ChangeDirectory(target) => {
            world.has_paths(EPERM)?;
            let real = world.reach(&path(target), true)?;
            if world.paths() == Paths::Judged && !world.is_covered(&real) { errno(EACCES) } else { Ok(()) }
        }
        M::OpenPath(target) => world.open(&path(target), Open::Name),
        M::StatFromPath(target) => {
            world.open(&path(target), Open::Name)?;
            world.tell(&world.path(target).join("secret.txt"), true)
        }
        M::NameToHandle(_) => world.refused(EPERM),
        M::Watch(_) => world.watches(),
        M::GetAttribute(_) | M::ListAttributes(_) | M::SetAttribute(_) | M::RemoveAttribute(_) => world.attributes(),
        M::FileSetAttribute(target) => {
            world.open(&path(target), Open::Read)?;
            world.attributes()
        }
        M::Oracle => {
            let there = world.tell(&path(Target::Secret), true);
            let missing = world.tell(&path(Target::SecretMissing), true);
            match (there, missing) {
                (Err(one), Err(other)) if one == other => Err(one),
                (Err(Stop::At(Answer::Violation)), _) => ends(),
                // In tier B it is told whether a path exists that is not granted: SECURITY.md says so.
                _ => Ok(()),
            }
        }
        M::StatBadPointer => {
            world.has_paths(EPERM)?;
            errno(libc::EFAULT)
        }
        M::StatBadBuffer => {
            world.tell(&path(Target::Readable), true)?;
            errno(libc::EFAULT)
        }
        M::Chmod(target) | M::OldChmod(target) | M::Fchmodat2(target) | M::Touch(target) | M::OldUtime(target) => {
            world.changes_mode_by_path(&path(target))
        }
        M::Chown(_) | M::OldLchown(_) => world.is_answered_to_programs(EPERM),
        M::FileChown(target) => {
            world.open(&path(target), Open::Read)?;
            errno(EPERM)
        }
        M::FileChmod(target) => {
            let real = world.reach(&path(target), true);
            world.open(&path(target), Open::Read)?;
            world.changes_mode_of(&real?)
        }
    }
}

fn mount(act: MountAct, world: &World<'_>) -> Rule {
    match act {
        MountAct::WorkingDirectory => absent(),
        _ => world.refused(EPERM),
    }
}

fn other(act: OtherAct, world: &World<'_>) -> Rule {
    use OtherAct as O;
    match act {
        O::ProcMemory => world.closed("mem"),
        O::ProcFile(file) => match file {
            ProcFile::Environ => world.closed("environ"),
            ProcFile::Maps => world.closed("maps"),
            ProcFile::Auxv => world.closed("auxv"),
            ProcFile::Cmdline => world.told("cmdline"),
            ProcFile::Stat => world.told("stat"),
            ProcFile::Status => world.told("status"),
            ProcFile::Comm => world.told("comm"),
        },
        O::ProcDescriptors => {
            world.told("fd")?;
            errno(EACCES)
        }
        O::Seize(_) | O::Attach(_) | O::TraceMe => ends(),
        O::ReadMemory | O::TakeDescriptor | O::PidfdOpen(_) | O::PidfdOpenNonblocking(_) | O::PidfdSignal(_) => {
            errno(ENOSYS)
        }
        O::Kill(victim, _) | O::Tgkill(victim) | O::Tkill(victim) => signal(victim, world),
        O::OutliveParent => world.unless_programs(EPERM),
        // First it asks which processors there are for the other, and is told that there is no such call.
        O::WriteMemory
        | O::Queue(_)
        | O::ThreadQueue(_)
        | O::SignalByOwner
        | O::ReadLimits
        | O::SetLimits
        | O::SetAffinity
        | O::SetScheduler
        | O::SetParameters
        | O::SetAttributes
        | O::SetPriority
        | O::SetIoPriority
        | O::Compare
        | O::MovePages => world.refused(EPERM),
    }
}

/// Where programs may be run they signal each other, and nobody else: no one else has a number in their pid namespace, and without one
/// Landlock stands before the rest.
fn signal(victim: Victim, world: &World<'_>) -> Rule {
    world.unless_programs(EPERM)?;
    match (victim, world.tier) {
        (Victim::Group, _) => Ok(()),
        // Its template, which is in another domain.
        (Victim::First, Tier::A) => errno(EPERM),
        // The kernel says so wherever there is somebody, whom it reaches or not.
        (Victim::Everyone, Tier::B) => Ok(()),
        (_, Tier::A) => errno(ESRCH),
        (_, Tier::B) => errno(EPERM),
    }
}

fn kernel(act: KernelAct, world: &World<'_>) -> Rule {
    use KernelAct as K;
    let gate = || if cfg!(target_arch = "x86_64") { ends() } else { errno(ENOSYS) };
    match act {
        K::IoUring | K::Clone3NewUser | K::Clone3Fork | K::NumberPastTheTable | K::LandlockAgain | K::Memfd => {
            errno(ENOSYS)
        }
        K::BpfMap | K::BpfProgram | K::Userfaultfd | K::X32 | K::NumberMinusOne => ends(),
        K::OldGateGetpid | K::OldGateOpen => gate(),
        K::BlockSigsys => Ok(()),
        K::BlockSigsysAndStat => match world.paths() {
            // A signal that tells of a refusal cannot be held back.
            Paths::None | Paths::Judged => ends(),
            Paths::Visible => world.tell(&world.path(Target::Secret), true),
        },
        // Its own files beneath `/proc` are its own then. Its domain keeps others from them.
        K::Dumpable if world.profile.listen && !world.profile.exec => Ok(()),
        K::HandleSigsys => world.unless_programs(EPERM),
        K::LaxerFilter => signal(Victim::Parent, world),
        K::LockAllMemory => world.is_answered_to_programs(EPERM),
        K::RaiseFiles | K::RaiseData | K::RaiseCpu => {
            if world.profile.exec {
                errno(EINVAL)
            } else {
                world.refused(EPERM)
            }
        }
        K::ModifyLdt | K::IoPermission if !cfg!(target_arch = "x86_64") => errno(ENOSYS),
        K::PerfEvent
        | K::Keyctl
        | K::AddKey
        | K::RequestKey
        | K::Unshare(_)
        | K::CloneNewUser
        | K::Personality(_)
        | K::DispatchToUser
        | K::Shmget
        | K::Msgget
        | K::Semget
        | K::AttachParentMemory
        | K::MqOpen
        | K::HugePages
        | K::Reboot
        | K::SwapOn
        | K::InitModule
        | K::KexecLoad
        | K::Acct
        | K::SetTime
        | K::SetHostname
        | K::IoPermission
        | K::ModifyLdt
        | K::Quota
        | K::Sync
        | K::RaiseFilesOld
        | K::Dumpable
        | K::Subreaper
        | K::MemfdSecret
        | K::Vmsplice
        | K::Lookup => world.refused(EPERM),
    }
}

fn memory(act: MemoryAct, world: &World<'_>) -> Rule {
    use MemoryAct as M;
    match act {
        // Nothing is written and run at once, by programs either.
        M::MapExecutable | M::ProtectExecutable | M::KeyProtectExecutable => {
            world.is_answered_to_programs_or(EACCES, EACCES)
        }
        M::ProtectReadExecutable => world.unless_programs(EACCES),
        M::AttachExecutable | M::GrowDown => world.refused(EPERM),
        M::ProtectGrowDown => world.refused(EACCES),
        M::MapFileExecutable => errno(ENOSYS),
    }
}

fn program(act: ProgramAct, world: &World<'_>) -> Rule {
    use ProgramAct as P;
    let ran = || Err(Stop::At(Answer::Exited(EXIT_CODE)));
    let tree = |name: &str| world.place.readable.join(name);
    let loader =
        if cfg!(target_arch = "aarch64") { "/lib/ld-linux-aarch64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" };
    match act {
        P::Execve => {
            world.unless_programs(EPERM)?;
            ran()
        }
        P::Script => world.run(&tree("script")),
        P::Shell => world.run("/bin/sh".as_ref()),
        P::Loader => world.run(loader.as_ref()),
        P::SelfAgain => world.run("/proc/self/exe".as_ref()),
        P::ExecveatPath => world.refused(EPERM),
        P::ExecveatDescriptor => world.refused(EPERM),
        P::ExecveatMemfd => errno(ENOSYS),
        P::Fork | P::CloneProcess | P::StdCommand => world.unless_programs(EPERM),
        P::Vfork | P::CloneParent => world.refused(EPERM),
    }
}

fn socket(act: SocketAct, world: &World<'_>) -> Rule {
    use SocketAct as S;
    let tcp = || if world.has_tcp() { Ok(()) } else { errno(EAFNOSUPPORT) };
    let udp = || if world.profile.net == Net::All { Ok(()) } else { errno(EAFNOSUPPORT) };
    let unix = || if world.profile.net == Net::Unix { Ok(()) } else { errno(EAFNOSUPPORT) };
    match act {
        S::ConnectGranted => {
            tcp()?;
            world.connects()?;
            if matches!(world.profile.net, Net::Tcp | Net::All) { Ok(()) } else { errno(EACCES) }
        }
        S::ConnectOther | S::ConnectOtherV6 | S::ConnectMapped | S::ConnectAgain => {
            tcp()?;
            world.connects()?;
            if world.profile.net == Net::All { Ok(()) } else { errno(EACCES) }
        }
        S::FastOpen(_) => {
            tcp()?;
            // To no port, not where every port is granted either: it is no call that anybody misses.
            world.refused(EPERM)
        }
        // An option that a kernel may be built without: whoever asks for one goes on.
        S::FastOpenOption | S::Option(SocketOption::UpperProtocol | SocketOption::Congestion) => {
            tcp()?;
            errno(ENOPROTOOPT)
        }
        S::Multipath
        | S::Sctp
        | S::Smc
        | S::UdpLite
        | S::Dccp
        | S::Icmp
        | S::Raw
        | S::RawV6
        | S::Packet
        | S::Open(..) => errno(EAFNOSUPPORT),
        S::Udp | S::UdpConnected => udp(),
        S::UdpBind => udp(),
        S::Bind | S::ListenBound => {
            tcp()?;
            world.binds()?;
            errno(EACCES)
        }
        S::ListenWithoutBind => {
            tcp()?;
            if world.profile.listen { errno(EACCES) } else { world.refused(EPERM) }
        }
        S::UnixPath => unix(),
        S::UnixPathInside => {
            unix()?;
            world.reach(&world.place.unix_stream_inside, true)?;
            errno(EACCES)
        }
        S::UnixDatagram => {
            unix()?;
            world.reach(&world.place.unix_datagram, true)?;
            errno(EACCES)
        }
        // It is not there in a network namespace of one's own; where there is a network, Landlock stands before it.
        S::Abstract => {
            unix()?;
            if world.tier == Tier::A && !world.profile.listen { errno(ECONNREFUSED) } else { errno(EPERM) }
        }
        S::Option(SocketOption::AttachBpf) => {
            tcp()?;
            ends()
        }
        S::Option(_) | S::IoctlInterface => {
            tcp()?;
            world.refused(EPERM)
        }
    }
}

fn inherited(act: InheritedAct, world: &World<'_>) -> Rule {
    use InheritedAct as I;
    match act {
        I::WritePlanted | I::ReadPlanted | I::Descriptor(_) => errno(EBADF),
        I::AnyDescriptor if !world.profile.hands().is_empty() => Ok(()),
        I::SecretVariable | I::AnyVariable if world.profile.env => Ok(()),
        I::Timers => {
            world.unless_programs(EPERM)?;
            absent()
        }
        I::Nice => {
            world.unless_programs(EPERM)?;
            // How nice the application is, its children are, unless it is root's to take back.
            if world.root { absent() } else { Ok(()) }
        }
        // They ask for the one that tells of violations too.
        I::IgnoredSignals | I::HandledSignals if !world.profile.exec && world.profile.kill => ends(),
        // A handler answers for the function, or tells of a violation.
        I::HandledSignals if !world.profile.exec => Ok(()),
        _ => absent(),
    }
}

fn terminal(act: TerminalAct, world: &World<'_>) -> Rule {
    match act {
        TerminalAct::Ioctl(_) => world.refused(EPERM),
        TerminalAct::OwnTerminal => world.open_device("/dev/tty"),
    }
}

fn variant(act: Variant, world: &World<'_>) -> Rule {
    use Variant as V;
    match act {
        V::Openat2(_) => errno(ENOSYS),
        V::PublishTemporary => {
            world.make_unnamed(&world.place.writable)?;
            world.refused(EPERM)
        }
        V::PublishByProc => world.make_unnamed(&world.place.secret_directory),
        V::BindUnix => {
            if world.profile.net != Net::Unix {
                return errno(EAFNOSUPPORT);
            }
            world.binds()?;
            let name = world.reach_new(&world.path(Target::WritableNew))?;
            world.change(&name)?;
            errno(EACCES)
        }
        V::AttachParent => ends(),
        V::SignalFirst => signal(Victim::First, world),
        V::SetUserIdProgram => world.run(&world.place.readable.join("set-user-id")),
        V::Vsyscall => Ok(()),
        V::ConnectPortZero => {
            if !world.has_tcp() {
                return errno(EAFNOSUPPORT);
            }
            world.connects()?;
            if world.profile.net == Net::All { Ok(()) } else { errno(EACCES) }
        }
        V::PreloadVariable => absent(),
        V::Mknod(_)
        | V::QueueEveryone
        | V::AdviseParent
        | V::ReleaseParent
        | V::MigrateParent
        | V::SetTracer
        | V::SetMemoryMap
        | V::RemapFilePages
        | V::Seal
        | V::SetTimeOfDay
        | V::CloneWith(_) => world.refused(EPERM),
    }
}

/// What was handed over is used for what it is, and nothing is made of it. What is done with a descriptor that was not handed over comes
/// as far as the number, if the call is one that may be made.
fn hand(act: HandAct, world: &World<'_>) -> Rule {
    use HandAct as H;
    let has = |hand: Hand| if world.profile.hands().contains(&hand) { Ok(()) } else { errno(EBADF) };
    match act {
        H::EveryIoctl(_) => {
            if world.profile.kill {
                return ends();
            }
            // A program asks for its terminal's group.
            let others = [("0x540f".to_owned(), None)];
            let others = others.into_iter().filter(|_| world.profile.exec);
            Err(Stop::At(all_but(EPERM, usize::MAX, others)))
        }
        // As of a file system that does not copy by reference. The request before it, which the act makes first, is on no list.
        H::Ioctl(_, 0x4004_9409) => world.refused(EOPNOTSUPP),
        H::Fcntl(hand, libc::F_GETPIPE_SZ | libc::F_GET_SEALS, _) => has(hand),
        H::Reopen => {
            world.writes()?;
            world.reach("/proc/self/fd".as_ref(), true)?;
            if world.profile.hands().contains(&Hand::ReadFile) { errno(EACCES) } else { errno(ENOENT) }
        }
        H::MapCode => {
            world.unless_programs(EACCES)?;
            has(Hand::Program)
        }
        H::MapShared => has(Hand::WriteFile),
        // Its mode and its times are the application's, whatever else the profile grants.
        H::Chmod => world.mode_of_handed(has(Hand::ReadFile), true),
        H::Touch => world.times_of_handed(has(Hand::ReadFile)),
        H::Chown | H::SpliceOut => errno(EPERM),
        H::SetAttribute => world.attributes(),
        H::LockOut => {
            world.locks_out()?;
            has(Hand::ReadFile)
        }
        // As many as are asked for: they are for profiles with files.
        H::LockRecord(_) if world.paths() == Paths::None => errno(ENOLCK),
        H::LockRecord(_) => has(Hand::ReadFile),
        H::PunchHole | H::ReservePastTheEnd | H::WriteWithFlags(_) => errno(EOPNOTSUPP),
        H::Publish => {
            if world.may_write() {
                world.refused(EPERM)
            } else {
                world.writes()
            }
        }
        H::Watch => world.watches(),
        H::OpenBeneath => {
            world.has_paths(EPERM)?;
            has(Hand::Directory)?;
            if world.profile.read == Read::Everything { Ok(()) } else { errno(EACCES) }
        }
        H::OpenAbove => {
            world.has_paths(EPERM)?;
            has(Hand::Directory)?;
            if world.sees_everything() { Ok(()) } else { errno(EACCES) }
        }
        H::Enter => {
            world.has_paths(EPERM)?;
            has(Hand::Directory)
        }
        H::List => has(Hand::Directory),
        H::StatBeneath => match world.paths() {
            Paths::None => world.refused(EPERM),
            Paths::Judged => {
                has(Hand::Directory)?;
                errno(EACCES)
            }
            Paths::Visible => has(Hand::Directory),
        },
        H::RemoveBeneath | H::MakeBeneath => {
            world.writes()?;
            has(Hand::Directory)?;
            errno(EACCES)
        }
        H::ConnectOther(hand) | H::Dissolve(hand) => {
            world.connects()?;
            has(hand)
        }
        H::SendTo(hand) => {
            world.names_whom_it_sends_to()?;
            has(hand)
        }
        // As of a kernel that sends one at a time.
        H::SendMessages(_) if world.names_whom_it_sends_to().is_err() => errno(ENOSYS),
        H::SendMessages(hand) => has(hand),
        H::SendMessage(hand) => has(hand),
        H::BindUdp => {
            world.binds()?;
            has(Hand::Udp)
        }
        H::ListenOnTcp => {
            world.listens()?;
            has(Hand::Tcp)
        }
        H::Accept => has(Hand::Listener),
        H::PeerCredentials => has(Hand::UnixStream),
        H::PeerPidfd | H::PassCredentials | H::Linger => errno(ENOPROTOOPT),
        H::ForgeCredentials => {
            has(Hand::UnixStream)?;
            errno(EPERM)
        }
        H::WaitThrough => errno(EINVAL),
        H::TakeThrough => errno(ENOSYS),
        H::Own(..)
        | H::Ioctl(..)
        | H::Fcntl(..)
        | H::Execute
        | H::Handle
        | H::SyncAll
        | H::Tee
        | H::SignalThrough
        | H::JoinThrough(_)
        | H::MemoryThrough => world.refused(EPERM),
    }
}

fn proc(act: ProcAct, world: &World<'_>) -> Rule {
    match act {
        ProcAct::Closed(index) => world.closed(CLOSED[usize::from(index)]),
        ProcAct::Told(index) => world.told(TOLD[usize::from(index)]),
        ProcAct::Setting(index) => world.open_device(SETTINGS[usize::from(index)]),
        ProcAct::Device(index) => world.read_device(DEVICES[usize::from(index)]),
        ProcAct::Kernel(index) => {
            let path = std::path::Path::new(KERNEL[usize::from(index)]);
            world.open(path, Open::Read)?;
            errno(if world.root { EPERM } else { EACCES })
        }
        ProcAct::Magic(index) => {
            world.has_paths(EPERM)?;
            let link = MAGIC[usize::from(index)];
            world.reach("/proc/self".as_ref(), true)?;
            if link.contains("PPID") {
                return errno(EACCES);
            }
            world.open(&world.place.secret, Open::Read)
        }
        ProcAct::MagicTarget(index) => {
            world.has_paths(EPERM)?;
            if world.paths() == Paths::Judged {
                return errno(EACCES);
            }
            world.reach("/proc/self".as_ref(), true)?;
            if TARGETS[usize::from(index)].contains("PPID") { errno(EACCES) } else { Ok(()) }
        }
        ProcAct::Shared(index) => {
            let name = format!("{}/gaol-matrix-{}", SHARED[usize::from(index)], world.place.parent);
            world.open(name.as_ref(), Open::Create)
        }
        ProcAct::KernelAddresses => {
            world.open("/proc/kallsyms".as_ref(), Open::Read)?;
            absent()
        }
        ProcAct::PhysicalAddresses => {
            world.own_file("pagemap", false)?;
            absent()
        }
        ProcAct::OwnCode => world.own_file("mem", true),
        ProcAct::MakeGroup => {
            let name = format!("/sys/fs/cgroup/gaol-matrix-{}", world.place.parent);
            world.make(name.as_ref())
        }
    }
}

fn combined(act: CombinedAct, world: &World<'_>) -> Rule {
    use CombinedAct as C;
    let handed = world.profile.handed;
    let is_open = |on: On| if on == On::Handed && handed == Handed::Nothing { errno(EBADF) } else { Ok(()) };
    match act {
        C::Chmod(on) => world.mode_of_handed(is_open(on), false),
        C::Touch(on) => world.times_of_handed(is_open(on)),
        C::LockOut(on) => {
            world.locks_out()?;
            is_open(on)
        }
        C::ReopenToRead(on) | C::ReopenToWrite(on) => {
            let write = matches!(act, C::ReopenToWrite(_));
            if write {
                world.writes()?;
            }
            world.has_paths(EPERM)?;
            world.reach("/proc/self/fd".as_ref(), true)?;
            world.reopen(on, write)
        }
        C::Cwd => {
            world.has_paths(EPERM)?;
            match handed {
                Handed::Nothing => errno(EBADF),
                Handed::Directory => Err(Stop::Open("where a handed directory is, whoever enters it is told")),
                _ => errno(libc::ENOTDIR),
            }
        }
        C::StatAbove => match (world.paths(), handed) {
            (Paths::None, _) => world.refused(EPERM),
            (_, Handed::Nothing) => errno(EBADF),
            (Paths::Judged, Handed::Directory) => errno(EACCES),
            (Paths::Visible, Handed::Directory) => Ok(()),
            _ => errno(libc::ENOTDIR),
        },
        C::DescriptorsToRead | C::DescriptorsToWrite => {
            if act == C::DescriptorsToWrite {
                world.writes()?;
            }
            world.has_paths(EPERM)?;
            world.reach("/proc/self".as_ref(), true)?;
            errno(EACCES)
        }
        // Where ports may be bound, names may be that no directory holds: no filter and no domain tells them apart. SECURITY.md says so.
        C::BindName | C::BindSomeName if world.profile.net == Net::Unix && world.profile.listen => Ok(()),
        // Else no function binds a Unix socket, by whatever name.
        C::BindName | C::BindSomeName => {
            if world.profile.net != Net::Unix {
                return errno(EAFNOSUPPORT);
            }
            world.refused(EPERM)
        }
    }
}

//! The rules of acts that make hundreds of calls, and of those that use something up.

use libc::{EAGAIN, EMFILE, ENOMEM, EPERM};

use super::super::options::{self, Sweep};
use super::super::resources::ResourceAct;
use super::super::row::{Answer, Tier};
use super::super::sweep::all_but;
use super::super::table::Class;
use super::factors::Net;
use super::oracle::{ends, errno};
use super::world::{Open, Paths, Rule, Stop, World};

/// What got another answer than the rest; no errno means: the kernel's own answer, whatever that is.
type Others = Vec<(String, Option<i32>)>;

fn named(names: &[&str]) -> Others {
    names.iter().map(|name| ((*name).to_owned(), None)).collect()
}

/// Every call of a class, with nonsense for arguments.
pub(crate) fn table(class: Class, number: i32, world: &World<'_>) -> Rule {
    let profile = world.profile;
    let mut others = if profile.exec { class.of_programs(world.tier) } else { Vec::new() };
    match class {
        Class::Allowed => return Ok(()),
        Class::Machine if profile.system => others.extend(named(&["SYS_sysinfo"])),
        Class::Sockets => {
            let grants = [
                ("SYS_connect", profile.net != Net::Nobody),
                ("SYS_bind", world.binds().is_ok()),
                ("SYS_listen", profile.listen),
            ];
            let granted: Vec<&str> = grants.iter().filter(|(_, granted)| *granted).map(|(name, _)| *name).collect();
            others.extend(named(&granted));
        }
        Class::Files if world.paths() != Paths::None => {
            return Err(Stop::Unknown(
                "here which calls on paths come through with nonsense: the proof of the filters says",
            ));
        }
        _ => {}
    }
    // What is answered is no violation.
    let answered = matches!(class, Class::Probes | Class::Unborn);
    if profile.kill && !answered && others.len() < class.count() {
        return ends();
    }
    Err(Stop::At(all_but(number, class.count(), others)))
}

/// Every option of a call, or every kind of socket.
pub(crate) fn sweep(act: Sweep, number: i32, world: &World<'_>) -> Rule {
    let profile = world.profile;
    let mut others: Others = Vec::new();
    if profile.exec {
        let of_programs = options::of_programs(act, world.tier);
        others.extend(of_programs.into_iter().map(|(name, errno)| (name.to_owned(), errno)));
    }
    let (tcp, udp, unix) = (world.has_tcp(), profile.net == Net::All, profile.net == Net::Unix);
    let kinds = |kinds: &[(i32, i32)]| -> Others { kinds.iter().map(|kind| (format!("{kind:?}"), None)).collect() };
    match act {
        Sweep::Questions if profile.system => others.extend(named(&["sysinfo"])),
        Sweep::Families | Sweep::FamiliesBesideTcp => {
            if tcp && act == Sweep::Families {
                others.extend(kinds(&[(2, 1), (10, 1)]));
            }
            if udp {
                others.extend(kinds(&[(2, 2), (10, 2)]));
            }
            if unix {
                others.extend(kinds(&[(1, 1), (1, 2), (1, 5)]));
            }
        }
        Sweep::Protocols if udp => others.extend(kinds(&[(2, 0), (2, 17)])),
        // Broadcasts and groups, of which a socket of IPv6 alone has some.
        Sweep::SetOptions if udp => {
            others.extend(kinds(&[(1, 6), (0, 32), (0, 33), (0, 34), (0, 35), (0, 36), (0, 49)]));
        }
        _ => {}
    }
    let refused = number == EPERM || act == Sweep::SpreadingProtections;
    if profile.kill && refused {
        return ends();
    }
    Err(Stop::At(all_but(number, usize::MAX, others)))
}

/// More than the limits let be used.
pub(crate) fn resource(act: ResourceAct, world: &World<'_>) -> Option<Rule> {
    use ResourceAct as R;
    let unless_small = |number: i32| if world.profile.small { errno(number) } else { Ok(()) };
    Some(match act {
        R::MapNoneThenProtect | R::Brk | R::Remap => unless_small(ENOMEM),
        R::MapShared | R::MapGrowsDown => world.refused(EPERM),
        R::Descriptors | R::Pipes | R::Sockets => unless_small(EMFILE),
        R::FileBytes => world.open(&world.place.writable.join("made"), Open::Create),
        // Where programs may be run, too many are noticed after a while, and end the call, but where the kernel counts them.
        R::Threads if world.profile.exec && world.profile.small && (world.root || world.tier == Tier::B) => {
            Err(Stop::At(Answer::Killed(libc::SIGKILL)))
        }
        R::Threads => unless_small(EAGAIN),
        _ => return None,
    })
}

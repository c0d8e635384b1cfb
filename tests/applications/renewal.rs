//! What the application gives up after its first call is given up by its children too: they are others then.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use gaol::{Error, Outcome, sandboxed};
use rustix::thread::{CapabilitiesSecureBits, UnshareFlags};

use crate::support::alone::{Alone, place};
use crate::support::processes;

#[sandboxed(time = "20s")]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(time = "20s")]
fn sleeps(milliseconds: u64) -> gaol::Result<u64> {
    std::thread::sleep(Duration::from_millis(milliseconds));
    Ok(milliseconds)
}

static LISTENER: OnceLock<SocketAddr> = OnceLock::new();

fn port() -> String {
    format!("tcp:{}", LISTENER.get().expect("an address").port())
}

#[sandboxed(net = port(), time = "20s")]
fn connects(to: SocketAddr) -> gaol::Result<Option<i32>> {
    Ok(TcpStream::connect_timeout(&to, Duration::from_secs(5)).err().and_then(|error| error.raw_os_error()))
}

#[sandboxed(time = "20s")]
fn groups() -> gaol::Result<Vec<u32>> {
    Ok(rustix::process::getgroups().map_err(io::Error::from)?.iter().map(|group| group.as_raw()).collect())
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("left out: only root can give these up");
    }
    is_root
}

fn zygote() -> u32 {
    let zygotes = processes::mine("gaol-zygote");
    assert_eq!(zygotes.len(), 1, "{zygotes:?}");
    zygotes[0].pid
}

/// Has the zygote be another after this.
fn renews(what: &str, change: impl FnOnce()) {
    adds(1, 1).expect("a call");
    let before = zygote();
    adds(1, 1).expect("a call");
    assert_eq!(zygote(), before, "it is kept while nothing changes");
    change();
    assert_eq!(adds(2, 1).unwrap_or_else(|error| panic!("after {what}: {error}")), 3);
    processes::eventually("the zygote from before has ended", || !processes::is_alive(before));
    assert_ne!(zygote(), before, "{what}");
}

#[test]
fn a_network_namespace_that_was_left_is_not_reached() {
    if !is_root() {
        return;
    }
    Alone::new("applications::renewal::a_network_namespace_that_was_left_is_not_reached").run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        LISTENER.set(address).expect("once");
        assert_eq!(connects(address).expect("a call"), None, "the control");
        leave(UnshareFlags::NEWNET);
        assert_eq!(connects(address).expect("a call"), Some(libc::ENETUNREACH), "there is no network in the new one");
    });
}

#[test]
fn groups_that_were_left_are_not_a_childs() {
    if !is_root() {
        return;
    }
    Alone::new("applications::renewal::groups_that_were_left_are_not_a_childs").run(|| {
        let set = |groups: &[u32]| {
            let groups: Vec<_> = groups.iter().map(|group| rustix::process::Gid::from_raw(*group)).collect();
            rustix::thread::set_thread_groups(&groups).expect("root may");
        };
        set(&[4242, 4343]);
        assert_eq!(groups().expect("a call").len(), 2, "the control");
        set(&[4242]);
        assert_eq!(groups().expect("a call").len(), 1);
        set(&[]);
        assert_eq!(groups().expect("a call"), Vec::<u32>::new());
    });
}

#[test]
fn an_application_in_another_root_has_no_child_outside() {
    if !is_root() {
        return;
    }
    Alone::new("applications::renewal::an_application_in_another_root_has_no_child_outside").run(|| {
        adds(1, 1).expect("a call");
        let before = zygote();
        let place = place();
        rustix::process::chroot(&place).expect("root may");
        std::env::set_current_dir("/").expect("the new root");
        let error = adds(1, 1).expect_err("there is no /proc to start a child from");
        assert_eq!(error.outcome(), Outcome::NotRun);
        assert!(matches!(error, Error::Start { .. }), "{error}");
        rustix::process::chroot(".").expect("root may");
        // Nobody sees it from in here; the test that started this process would.
        let gone =
            rustix::process::test_kill_process(rustix::process::Pid::from_raw(before.cast_signed()).expect("a pid"));
        let _ = gone;
        std::fs::write("/done", "").expect("the mark of the body");
        std::process::exit(0);
    });
}

#[test]
fn whatever_else_was_given_up_and_can_be_asked_renews_the_children() {
    Alone::new("applications::renewal::whatever_else_was_given_up_and_can_be_asked_renews_the_children").run(|| {
        renews("no_new_privs", || rustix::thread::set_no_new_privs(true).expect("anybody may"));
        renews("a seccomp filter", || {
            let allows = enter_a_filter();
            allows.expect("with no_new_privs anybody may");
        });
        renews("not dumpable", || {
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
                .expect("anybody may");
        });
        if is_root() {
            renews("another mount namespace", || {
                leave(UnshareFlags::NEWNS);
            });
            renews("securebits", || {
                rustix::thread::set_capabilities_secure_bits(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE)
                    .expect("root may");
            });
            renews("capabilities", || {
                let mut sets = rustix::thread::capabilities(None).expect("one's own");
                sets.effective.remove(rustix::thread::CapabilitySet::SYS_TIME);
                sets.permitted.remove(rustix::thread::CapabilitySet::SYS_TIME);
                rustix::thread::set_capabilities(None, sets).expect("less");
            });
        }
    });
}

/// Puts this thread under a filter that allows everything.
fn enter_a_filter() -> io::Result<()> {
    let allow = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let mut filter = [allow];
    let program = libc::sock_fprog { len: 1, filter: filter.as_mut_ptr() };
    #[allow(unsafe_code, reason = "no crate that the tests have installs a filter")]
    // SAFETY: the kernel copies the one instruction before it returns.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn renewing_ends_what_no_call_is_using_and_nothing_else() {
    Alone::new("applications::renewal::renewing_ends_what_no_call_is_using_and_nothing_else").run(|| {
        renews("renew", gaol::renew);
        std::thread::scope(|scope| {
            let under_way = scope.spawn(|| sleeps(800));
            std::thread::sleep(Duration::from_millis(300));
            gaol::renew();
            assert_eq!(adds(1, 1).expect("a call of the new ones"), 2);
            assert_eq!(under_way.join().expect("a thread").expect("a call of the old ones"), 800);
        });
        gaol::renew();
        processes::eventually("nothing is left", || processes::of(std::process::id()).is_empty());
        adds(1, 1).expect("a call, afterwards");
    });
}

/// Such threads do not end each other's children at every call.
#[test]
fn threads_that_differ_have_children_of_their_own() {
    Alone::new("applications::renewal::threads_that_differ_have_children_of_their_own").run(|| {
        std::thread::scope(|scope| {
            for gives_up in [false, true, false, true] {
                scope.spawn(move || {
                    if gives_up {
                        rustix::thread::set_no_new_privs(true).expect("anybody may");
                    }
                    for index in 0..50 {
                        assert_eq!(adds(index, 1).expect("a call"), index + 1);
                    }
                });
            }
        });
        let zygotes = || {
            let zygotes: Vec<u32> = processes::mine("gaol-zygote").iter().map(|zygote| zygote.pid).collect();
            zygotes
        };
        let before = zygotes();
        assert_eq!(before.len(), 2);
        std::thread::scope(|scope| {
            for gives_up in [false, true] {
                scope.spawn(move || {
                    if gives_up {
                        rustix::thread::set_no_new_privs(true).expect("anybody may");
                    }
                    for index in 0..50 {
                        assert_eq!(adds(index, 1).expect("a call"), index + 1);
                    }
                });
            }
        });
        assert_eq!(zygotes(), before);
    });
}

#[test]
fn threads_of_many_kinds_leave_few_processes() {
    if !is_root() {
        return;
    }
    Alone::new("applications::renewal::threads_of_many_kinds_leave_few_processes").run(|| {
        std::thread::scope(|scope| {
            for kind in 0..20_u32 {
                let thread = scope.spawn(move || {
                    let groups: Vec<_> = (0..kind).map(|group| rustix::process::Gid::from_raw(5000 + group)).collect();
                    rustix::thread::set_thread_groups(&groups).expect("root may");
                    for _ in 0..2 {
                        assert_eq!(adds(kind, 1).expect("a call"), kind + 1);
                    }
                });
                thread.join().expect("a thread that does not panic");
            }
        });
        processes::eventually("no more zygotes than eight", || {
            processes::of(std::process::id()).iter().filter(|process| process.name == "gaol-zygote").count() <= 8
        });
    });
}

/// Leaves a namespace for a new one, with this thread.
fn leave(namespace: UnshareFlags) {
    #[allow(
        unsafe_code,
        reason = "the call is unsafe for what it can do to a descriptor table, which is not asked for"
    )]
    // SAFETY: of all flags only FILES has to do with memory safety, by the ownership of descriptors.
    unsafe { rustix::thread::unshare_unsafe(namespace) }.expect("root may");
}

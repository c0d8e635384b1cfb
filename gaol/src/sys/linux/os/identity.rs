//! What the kernel knows a process by, and what it has given up: as much of it as can be asked at every call.
//!
//! # References
//!
//! credentials(7), namespaces(7), capabilities(7), statx(2) on `STATX_MNT_ID_UNIQUE`.

use std::mem::MaybeUninit;

use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::process::{DumpableBehavior, Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySets, SecureComputingMode};

/// Not in rustix: an id of a mount that no other mount gets, ever (Linux 6.8).
const STATX_MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// The calling thread, as the kernel judges what it does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    users: [Uid; 2],
    groups: [Gid; 2],
    supplementary: Option<Vec<Gid>>,
    capabilities: Option<CapabilitySets>,
    secure_bits: Option<CapabilitiesSecureBits>,
    no_new_privs: Option<bool>,
    dumpable: Option<DumpableBehavior>,
    seccomp: Option<SecureComputingMode>,
    /// Changes with chroot(2) and pivot_root(2), and with a mount namespace, where every mount has another id.
    root: Option<Root>,
    user_namespace: Link,
    network_namespace: Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    device: (u32, u32),
    inode: u64,
    mount: u64,
}

/// What a link in `/proc` says, which tells namespaces apart. Nothing where it cannot be read, and then nobody can tell.
#[derive(Clone, Debug)]
struct Link([u8; 32]);

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        let unknown = [0; 32];
        self.0 == other.0 || self.0 == unknown || other.0 == unknown
    }
}

impl Identity {
    /// Of the calling thread. Takes some four microseconds, and three times that with cold caches.
    pub(crate) fn current() -> Self {
        use rustix::{process, thread};
        Self {
            pid: std::process::id(),
            users: [process::getuid(), process::geteuid()],
            groups: [process::getgid(), process::getegid()],
            supplementary: process::getgroups().ok(),
            capabilities: thread::capabilities(None).ok(),
            secure_bits: thread::capabilities_secure_bits().ok(),
            no_new_privs: thread::no_new_privs().ok(),
            dumpable: process::dumpable_behavior().ok(),
            seccomp: thread::secure_computing_mode().ok(),
            root: root(),
            user_namespace: namespace(c"/proc/thread-self/ns/user"),
            network_namespace: namespace(c"/proc/thread-self/ns/net"),
        }
    }
}

fn root() -> Option<Root> {
    let wanted = StatxFlags::INO | STATX_MNT_ID_UNIQUE;
    let root = rustix::fs::statx(CWD, c"/", AtFlags::empty(), wanted).ok()?;
    Some(Root { device: (root.stx_dev_major, root.stx_dev_minor), inode: root.stx_ino, mount: root.stx_mnt_id })
}

fn namespace(link: &std::ffi::CStr) -> Link {
    let mut buffer = [MaybeUninit::uninit(); 32];
    let mut read = [0; 32];
    if let Ok((said, _)) = rustix::fs::readlinkat_raw(CWD, link, &mut buffer) {
        read[..said.len()].copy_from_slice(said);
    }
    Link(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_the_same_until_something_of_it_changes() {
        let thread = std::thread::spawn(|| {
            let before = Identity::current();
            assert!(before.root.is_some());
            assert!(before.user_namespace.0.starts_with(b"user:["), "{before:?}");
            assert!(before.network_namespace.0.starts_with(b"net:["), "{before:?}");
            assert_eq!(before, Identity::current());
            // Of this thread alone.
            rustix::thread::set_no_new_privs(true).expect("it can always be set");
            assert_ne!(before, Identity::current());
        });
        thread.join().expect("a thread that does not panic");
    }
}

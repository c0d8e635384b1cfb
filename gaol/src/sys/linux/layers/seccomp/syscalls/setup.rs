//! What is left to do for a template under the first part of its filter, once it knows its paths: a root to fill, Landlock to enter,
//! capabilities to let go of. None of it is a worker's.

use libc::c_long;

/// The calls of that, each named once.
pub(crate) const SETUP: &[c_long] = &[
    // Granted paths are opened by name alone, and looked at. A mount point is made where there is none.
    libc::SYS_openat2,
    libc::SYS_openat,
    // … with the mode that it is made with, whatever the application's umask forbids.
    libc::SYS_umask,
    libc::SYS_mkdirat,
    libc::SYS_symlinkat,
    // Bound into the private root, and the old one let go of.
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_fchdir,
    libc::SYS_chdir,
    libc::SYS_umount2,
    // Capabilities, securebits, whether the process may be looked at, no_new_privs.
    libc::SYS_capget,
    libc::SYS_capset,
    libc::SYS_prctl,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
];

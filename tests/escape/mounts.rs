//! Rows 25–27, 62: another view of the file system than the one that was given.

use gaol::Layer::{Capabilities, Hygiene, Landlock, Namespaces, Seccomp};
use libc::{AT_FDCWD, MS_BIND, MS_PRIVATE, MS_REC};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::profiles::Profile::{Nothing, Read, Write};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, open, read_some};

const OPEN_TREE_CLONE: i32 = 1;
const FSCONFIG_CMD_CREATE: i32 = 6;
const MOVE_MOUNT_F_EMPTY_PATH: i32 = 4;

/// How mounts are attacked. Each act makes its own call first, and what it needs for a proof only after.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MountAct {
    Mount,
    BindMount,
    Remount,
    Fsopen,
    OpenTree,
    MoveMount,
    MountSetattr,
    Umount,
    PivotRoot,
    Chroot,
    /// `chroot` below, then `..` above: works for root wherever `chroot` does.
    ChrootEscape,
    /// The working directory, where it is not `/`.
    WorkingDirectory,
    JoinNamespace,
}

pub(crate) fn perform(act: MountAct, place: &Place) -> Attempt {
    let target = c_path(&place.writable);
    match act {
        MountAct::Mount => {
            call!(libc::SYS_mount, c"none", &target, c"tmpfs", 0, 0)?;
            unmount(place)
        }
        MountAct::BindMount => {
            call!(libc::SYS_mount, &c_path(&place.secret_directory), &target, 0, MS_BIND, 0)?;
            unmount(place)
        }
        MountAct::Remount => {
            own_mounts()?;
            call!(libc::SYS_mount, &target, &target, 0, MS_BIND, 0)?;
            call!(libc::SYS_mount, 0, &target, 0, MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY, 0)?;
            Ok("remounted".into())
        }
        MountAct::Fsopen => call!(libc::SYS_fsopen, c"tmpfs", 0).map(|_| "context".into()),
        MountAct::OpenTree => {
            call!(libc::SYS_open_tree, AT_FDCWD, &target, OPEN_TREE_CLONE).map(|_| "a copy of the tree".into())
        }
        MountAct::MoveMount => {
            reaches(call!(libc::SYS_move_mount, -1, c"", AT_FDCWD, &target, MOVE_MOUNT_F_EMPTY_PATH))?;
            let context = call!(libc::SYS_fsopen, c"tmpfs", 0)?;
            call!(libc::SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0)?;
            let tree = call!(libc::SYS_fsmount, context, 0, 0)?;
            call!(libc::SYS_move_mount, tree, c"", AT_FDCWD, &target, MOVE_MOUNT_F_EMPTY_PATH)?;
            unmount(place)
        }
        MountAct::MountSetattr => {
            let attributes = [1_u64, 0, 0, 0];
            reaches(call!(libc::SYS_mount_setattr, -1, c"", libc::AT_EMPTY_PATH, attributes.as_ptr(), 32))?;
            own_mounts()?;
            call!(libc::SYS_mount, &target, &target, 0, MS_BIND, 0)?;
            call!(libc::SYS_mount_setattr, AT_FDCWD, &target, 0, attributes.as_ptr(), 32)?;
            Ok("attributes set".into())
        }
        MountAct::Umount => {
            reaches(call!(libc::SYS_umount2, &target, libc::MNT_DETACH))?;
            own_mounts()?;
            call!(libc::SYS_mount, c"none", &target, c"tmpfs", 0, 0)?;
            unmount(place)
        }
        MountAct::PivotRoot => {
            reaches(call!(libc::SYS_pivot_root, &target, &target))?;
            own_mounts()?;
            call!(libc::SYS_mount, &target, &target, 0, MS_BIND | MS_REC, 0)?;
            call!(libc::SYS_chdir, &target)?;
            call!(libc::SYS_pivot_root, c".", c".")?;
            Ok("another root".into())
        }
        MountAct::Chroot => call!(libc::SYS_chroot, &target).map(|_| "another root".into()),
        MountAct::ChrootEscape => {
            call!(libc::SYS_chroot, &c_path(&place.readable))?;
            for _ in 0..32 {
                call!(libc::SYS_chdir, c"..")?;
            }
            call!(libc::SYS_chroot, c".")?;
            read_some(open(&c_path(&place.secret), libc::O_RDONLY)?)
        }
        MountAct::WorkingDirectory => {
            let mut buffer = [0_u8; 4096];
            let length = call!(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len())?;
            let directory = String::from_utf8_lossy(&buffer[..length.saturating_sub(1)]).into_owned();
            if directory == "/" { Err(Refusal::Absent) } else { Ok(directory) }
        }
        MountAct::JoinNamespace => {
            reaches(call!(libc::SYS_setns, -1, 0))?;
            let parent = call!(libc::SYS_pidfd_open, place.parent, 0)?;
            call!(libc::SYS_setns, parent, libc::CLONE_NEWUTS | libc::CLONE_NEWNET)?;
            Ok("in the parent's namespaces".into())
        }
    }
}

/// Whether a call with arguments that cannot work came as far as the kernel's own check of them.
fn reaches(answer: Result<usize, Refusal>) -> Result<(), Refusal> {
    match answer {
        Err(Refusal::Errno(libc::EBADF | libc::EINVAL | libc::EBUSY)) | Ok(_) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Keeps a control's mounts out of the host's sight.
fn own_mounts() -> Result<(), Refusal> {
    call!(libc::SYS_unshare, libc::CLONE_NEWNS)?;
    call!(libc::SYS_mount, 0, c"/", 0, MS_REC | MS_PRIVATE, 0)?;
    Ok(())
}

fn unmount(place: &Place) -> Attempt {
    call!(libc::SYS_umount2, &c_path(&place.writable), libc::MNT_DETACH)?;
    Ok("mounted, and unmounted".into())
}

pub(crate) fn rows() -> Vec<Row> {
    const PRIVILEGE: &str = "mounting needs CAP_SYS_ADMIN";
    let mut rows = Vec::new();
    let acts = [
        (25, "mount(tmpfs)", MountAct::Mount),
        (25, "mount(MS_BIND of the secret)", MountAct::BindMount),
        (25, "mount(MS_REMOUNT)", MountAct::Remount),
        (25, "fsopen", MountAct::Fsopen),
        (25, "open_tree(OPEN_TREE_CLONE)", MountAct::OpenTree),
        (25, "move_mount", MountAct::MoveMount),
        (25, "mount_setattr", MountAct::MountSetattr),
        (25, "umount2", MountAct::Umount),
        (26, "pivot_root", MountAct::PivotRoot),
        (26, "chroot", MountAct::Chroot),
        (27, "chroot below and climb above", MountAct::ChrootEscape),
        (62, "setns(the parent's namespaces)", MountAct::JoinNamespace),
    ];
    for (number, name, act) in acts {
        for profile in [Nothing, Read, Write] {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(libc::EPERM)
                    .open_without(&[Hygiene, Namespaces, Capabilities, Landlock, Seccomp])
                    .root_only(PRIVILEGE),
            );
        }
    }
    rows.push(
        row(27, "getcwd outside the root", MountAct::WorkingDirectory)
            .under(Read)
            .always(Answer::Absent)
            // The application's, as far as the program may look at it.
            .by_command(Answer::Absent, Answer::done())
            .open_elsewhere(),
    );
    rows
}

//! Row 71: code that was not in the program when it started.
//!
//! # Safety
//!
//! Running freshly written bytes is the attack: the bytes are one `return` instruction. What the kernel has told the process at its start is
//! asked for by number.
#![allow(unsafe_code)]

use gaol::Layer::Seccomp;
use libc::{EACCES, EPERM, PROT_EXEC, PROT_READ, PROT_WRITE};
use serde::{Deserialize, Serialize};

use super::profiles::Profile::{Nothing, Read};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, call};

const PAGE: usize = 4096;

/// How memory becomes executable.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryAct {
    MapExecutable,
    ProtectExecutable,
    ProtectReadExecutable,
    KeyProtectExecutable,
    AttachExecutable,
    GrowDown,
    ProtectGrowDown,
    MapFileExecutable,
}

pub(crate) fn perform(act: MemoryAct) -> Attempt {
    match act {
        MemoryAct::MapExecutable => run(map(PROT_READ | PROT_WRITE | PROT_EXEC, 0)?),
        MemoryAct::ProtectExecutable => {
            let page = map(PROT_READ | PROT_WRITE, 0)?;
            call!(libc::SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)?;
            run(page)
        }
        MemoryAct::ProtectReadExecutable => {
            let page = map(PROT_READ | PROT_WRITE, 0)?;
            write_return(page);
            call!(libc::SYS_mprotect, page, PAGE, PROT_READ | PROT_EXEC)?;
            jump(page)
        }
        MemoryAct::KeyProtectExecutable => {
            let page = map(PROT_READ | PROT_WRITE, 0)?;
            call!(libc::SYS_pkey_mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, -1)?;
            run(page)
        }
        MemoryAct::AttachExecutable => {
            let id = call!(libc::SYS_shmget, libc::IPC_PRIVATE, PAGE, libc::IPC_CREAT | 0o700)?;
            let page = call!(libc::SYS_shmat, id, 0, libc::SHM_EXEC);
            call!(libc::SYS_shmctl, id, libc::IPC_RMID, 0)?;
            run(page?)
        }
        MemoryAct::GrowDown => map(PROT_READ | PROT_WRITE, libc::MAP_GROWSDOWN).map(|_| "a second stack".into()),
        MemoryAct::ProtectGrowDown => {
            // The stack of the process, which grows; a thread's does not. The kernel has put random bytes at its end.
            // SAFETY: takes a number.
            let page = unsafe { libc::getauxval(libc::AT_RANDOM) } as usize & !(PAGE - 1);
            call!(libc::SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE | libc::PROT_GROWSDOWN).map(|_| "set".into())
        }
        MemoryAct::MapFileExecutable => {
            let fd = call!(libc::SYS_memfd_create, c"code", 0)?;
            call!(libc::SYS_ftruncate, fd, PAGE)?;
            let flags = libc::MAP_SHARED;
            run(call!(libc::SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, fd, 0)?)
        }
    }
}

fn map(protection: i32, flags: i32) -> Result<usize, Refusal> {
    call!(libc::SYS_mmap, 0, PAGE, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags, -1, 0)
}

fn write_return(page: usize) {
    let code: &[u8] = if cfg!(target_arch = "aarch64") { &[0xc0, 0x03, 0x5f, 0xd6] } else { &[0xc3] };
    // SAFETY: the caller has mapped a writable page there.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), page as *mut u8, code.len()) };
}

fn jump(page: usize) -> Attempt {
    // SAFETY: the page holds one instruction, which returns, and is executable: `mprotect` has said so.
    let function = unsafe { std::mem::transmute::<usize, extern "C" fn()>(page) };
    function();
    Ok("ran".into())
}

fn run(page: usize) -> Attempt {
    write_return(page);
    jump(page)
}

pub(crate) fn rows() -> Vec<Row> {
    use MemoryAct as M;
    let mut rows = Vec::new();
    let acts = [
        ("mmap(PROT_EXEC)", M::MapExecutable, EACCES),
        ("mprotect(PROT_EXEC)", M::ProtectExecutable, EACCES),
        ("mprotect(write, then read and execute)", M::ProtectReadExecutable, EACCES),
        ("pkey_mprotect(PROT_EXEC)", M::KeyProtectExecutable, EACCES),
        ("shmat(SHM_EXEC)", M::AttachExecutable, EPERM),
        ("mmap(MAP_GROWSDOWN)", M::GrowDown, EPERM),
        ("mprotect(PROT_GROWSDOWN)", M::ProtectGrowDown, EACCES),
        ("mmap(memfd, PROT_EXEC)", M::MapFileExecutable, libc::ENOSYS),
    ];
    for (name, act, errno) in acts {
        // A loader makes data code, but nothing is both at once.
        let by_command = if act == M::ProtectReadExecutable { Answer::done() } else { errno.into() };
        for profile in [Nothing, Read] {
            rows.push(
                row(71, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(errno)
                    .by_command(by_command.clone(), by_command.clone())
                    .open_without(&[Seccomp]),
            );
        }
    }
    rows
}

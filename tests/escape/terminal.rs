//! Rows 67, 113: typing into the terminal that the application was started from.

use gaol::Layer::{Capabilities, Hygiene, Landlock, Namespaces, Seccomp};
use libc::{EACCES, ENOENT, EPERM};
use serde::{Deserialize, Serialize};

use super::profiles::Profile::{Nothing, Read, Terminal};
use super::row::{Row, row};
use super::toolbox::{Attempt, call, open};

/// How the terminal is attacked; descriptor 1 is the terminal where the profile inherits it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TerminalAct {
    /// `ioctl` on descriptor 1 with a number whose upper half the kernel ignores.
    Ioctl(u64),
    /// The same through the name of the controlling terminal.
    OwnTerminal,
}

const HIGH: u64 = 1 << 32;

pub(crate) fn perform(act: TerminalAct) -> Attempt {
    let mut buffer = [0_u8; 64];
    buffer[0] = b'x';
    let (fd, request) = match act {
        TerminalAct::Ioctl(request) => (1, request),
        TerminalAct::OwnTerminal => (open(c"/dev/tty", libc::O_RDWR)?, libc::TIOCSTI),
    };
    let argument = if request == libc::TIOCSCTTY {
        // Only the leader of a session may take a terminal; taking it from another session is argument 1.
        let _ = call!(libc::SYS_setsid);
        1
    } else {
        buffer.as_mut_ptr() as usize
    };
    call!(libc::SYS_ioctl, fd, request, argument).map(|_| "typed".into())
}

pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Landlock, Seccomp];
    const SETTING: &str = "this kernel has TIOCSTI turned off (dev.tty.legacy_tiocsti), or the run has no terminal";
    const PRIVILEGE: &str = "the ioctl needs CAP_SYS_ADMIN";
    let mut rows = Vec::new();
    let typed = [
        (113, "ioctl(TIOCSTI)", libc::TIOCSTI),
        (67, "ioctl(TIOCSTI | 1<<32)", libc::TIOCSTI | HIGH),
        (67, "ioctl(TIOCSTI | 0xffffffff<<32)", libc::TIOCSTI | 0xffff_ffff << 32),
    ];
    for (number, name, request) in typed {
        rows.push(
            row(number, format!("{name} under Terminal"), TerminalAct::Ioctl(request))
                .under(Terminal)
                .always(EPERM)
                .open_without(EVERY)
                .may_lack(SETTING)
                .root_only("the zygote has left the terminal's session, and typing from outside needs CAP_SYS_ADMIN"),
        );
        rows.push(
            row(
                number,
                format!("{name} under Terminal, or in a process of the terminal's session"),
                TerminalAct::Ioctl(request),
            )
            .under(Terminal)
            .always(EPERM)
            .open_elsewhere()
            .may_lack(SETTING),
        );
        rows.push(
            row(number, format!("{name} under Nothing"), TerminalAct::Ioctl(request))
                .always(EPERM)
                .no_control("descriptor 1 is a pipe: there is no terminal to type into"),
        );
    }
    rows.push(
        row(113, "ioctl(TIOCLINUX)", TerminalAct::Ioctl(libc::TIOCLINUX))
            .under(Terminal)
            .always(EPERM)
            .no_control("only a virtual console has it, and a test has none"),
    );
    rows.push(
        row(113, "ioctl(TIOCSWINSZ)", TerminalAct::Ioctl(libc::TIOCSWINSZ))
            .under(Terminal)
            .always(EPERM)
            .open_without(EVERY)
            .may_lack(SETTING),
    );
    rows.push(
        row(113, "openat(/dev/tty), ioctl(TIOCSTI)", TerminalAct::OwnTerminal)
            .under(Read)
            .always(EACCES)
            .by_command(ENOENT, EACCES)
            .open_elsewhere()
            .may_lack(SETTING),
    );
    rows.push(
        row(113, "openat(/dev/tty) under Nothing", TerminalAct::OwnTerminal)
            .under(Nothing)
            .always(EPERM)
            .by_command(ENOENT, EACCES)
            .open_elsewhere()
            .may_lack(SETTING),
    );
    // Last: where it is open, it takes the terminal away from the rows before.
    rows.push(
        row(113, "ioctl(TIOCSCTTY)", TerminalAct::Ioctl(libc::TIOCSCTTY))
            .under(Terminal)
            .always(EPERM)
            .open_without(EVERY)
            .may_lack(SETTING)
            .root_only(PRIVILEGE),
    );
    rows
}

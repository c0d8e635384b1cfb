//! The acts of the attack matrix, by what they attack, and the table of what each must get.

pub(crate) mod actor;
pub(crate) mod crossing;
pub(crate) mod elf;
pub(crate) mod expect;
pub(crate) mod files;
pub(crate) mod forgery;
pub(crate) mod handed;
pub(crate) mod hands;
pub(crate) mod inheritance;
pub(crate) mod kernel;
pub(crate) mod kinds;
pub(crate) mod memory;
pub(crate) mod metadata;
pub(crate) mod mounts;
mod numbers;
pub(crate) mod options;
pub(crate) mod others;
pub(crate) mod place;
pub(crate) mod proc;
pub(crate) mod profiles;
pub(crate) mod programs;
pub(crate) mod protocol;
pub(crate) mod report;
pub(crate) mod resources;
pub(crate) mod row;
pub(crate) mod runner;
pub(crate) mod sockets;
pub(crate) mod stage;
pub(crate) mod supervisor;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod toolbox;
pub(crate) mod variants;
pub(crate) mod way;

use serde::{Deserialize, Serialize};

use place::Place;
use row::Row;
use toolbox::Seen;

/// One attempt, as it is handed to a sandboxed function.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    File(files::FileAct),
    Metadata(metadata::MetadataAct),
    Mount(mounts::MountAct),
    Other(others::OtherAct),
    Kernel(kernel::KernelAct),
    Memory(memory::MemoryAct),
    Program(programs::ProgramAct),
    Socket(sockets::SocketAct),
    Resource(resources::ResourceAct),
    Inherited(inheritance::InheritedAct),
    Terminal(terminal::TerminalAct),
    Protocol(protocol::ProtocolAct),
    Table(table::Class, i32),
    Sweep(options::Sweep, i32),
    Variant(variants::Variant),
    Hand(handed::HandAct),
    Proc(proc::ProcAct),
    Supervisor(supervisor::SupervisorAct),
    Combined(crossing::combined::CombinedAct),
}

macro_rules! into_act {
    ($($variant:ident: $from:ty),* $(,)?) => { $(impl From<$from> for Act {
        fn from(act: $from) -> Self {
            Self::$variant(act)
        }
    })* };
}
into_act! {
    File: files::FileAct,
    Metadata: metadata::MetadataAct,
    Mount: mounts::MountAct,
    Other: others::OtherAct,
    Kernel: kernel::KernelAct,
    Memory: memory::MemoryAct,
    Program: programs::ProgramAct,
    Socket: sockets::SocketAct,
    Resource: resources::ResourceAct,
    Inherited: inheritance::InheritedAct,
    Terminal: terminal::TerminalAct,
    Protocol: protocol::ProtocolAct,
    Variant: variants::Variant,
    Hand: handed::HandAct,
    Proc: proc::ProcAct,
    Supervisor: supervisor::SupervisorAct,
}

impl From<(table::Class, i32)> for Act {
    fn from((class, errno): (table::Class, i32)) -> Self {
        Self::Table(class, errno)
    }
}

impl From<(options::Sweep, i32)> for Act {
    fn from((sweep, errno): (options::Sweep, i32)) -> Self {
        Self::Sweep(sweep, errno)
    }
}

/// Does what the attacker does, wherever it runs.
pub(crate) fn perform(act: Act, place: &Place) -> Seen {
    Seen::from(match act {
        Act::File(act) => files::perform(act, place),
        Act::Metadata(act) => metadata::perform(act, place),
        Act::Mount(act) => mounts::perform(act, place),
        Act::Other(act) => others::perform(act, place),
        Act::Kernel(act) => kernel::perform(act, place),
        Act::Memory(act) => memory::perform(act),
        Act::Program(act) => programs::perform(act, place),
        Act::Socket(act) => sockets::perform(act, place),
        Act::Resource(act) => resources::perform(act, place),
        Act::Inherited(act) => inheritance::perform(act, place),
        Act::Terminal(act) => terminal::perform(act),
        Act::Protocol(act) => protocol::perform(act, place),
        Act::Variant(act) => variants::perform(act, place),
        Act::Hand(act) => return handed::perform(act, place),
        Act::Proc(act) => proc::perform(act, place),
        Act::Supervisor(act) => supervisor::perform(act, place),
        Act::Combined(act) => crossing::combined::perform(act, place),
        Act::Table(class, errno) => return table::perform(class, errno),
        Act::Sweep(sweep, errno) => return options::perform(sweep, errno, place),
    })
}

/// Every row, in the order of the matrix.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = [
        files::rows(),
        metadata::rows(),
        mounts::rows(),
        others::rows(),
        kernel::rows(),
        kinds::rows(),
        memory::rows(),
        programs::rows(),
        sockets::rows(),
        resources::rows(),
        inheritance::rows(),
        terminal::rows(),
        protocol::rows(),
        table::rows(),
        options::rows(),
        variants::rows(),
        handed::rows(),
        proc::rows(),
        supervisor::rows(),
    ]
    .concat();
    rows.sort_by_key(|row| row.number);
    rows
}

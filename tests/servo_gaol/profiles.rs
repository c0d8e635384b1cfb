//! The profiles that acts are tried under: made by hand, and the same as the attribute of a function.
#![allow(unused_variables, reason = "some parameters are there for the attribute alone")]

use std::path::PathBuf;

use gaol::{AddressPattern, Operation, PathPattern, sandboxed};
use serde::{Deserialize, Serialize};

use super::acts::{self, Act};

/// What a profile allows, beyond what it takes to start a program.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) enum Allowed {
    Nothing,
    Read(Vec<PathBuf>),
    Metadata(PathBuf),
    Tcp(u16),
    EveryAddress,
    LocalSocket(PathBuf),
    SystemInfo,
    /// Read, write, connect, listen, and ask about the system.
    Everything(PathBuf),
}

#[sandboxed]
fn with_nothing(act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed]
fn with_nothing_in_a_thread(act: Act) -> gaol::Result<i32> {
    Ok(act.perform_in_a_thread())
}

#[sandboxed(read = granted)]
fn with_read(granted: &[PathBuf], act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed(metadata = granted)]
fn with_metadata(granted: PathBuf, act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed(net = address)]
fn with_net(address: &str, act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed(system = "info")]
fn with_system_info(act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed(read = granted, write = granted, net = "all", listen = "all", system = "info")]
fn with_everything(granted: PathBuf, act: Act) -> gaol::Result<i32> {
    Ok(act.perform())
}

#[sandboxed]
fn sweeps_with_nothing(first: u32, last: u32, left_out: &[u32]) -> gaol::Result<String> {
    Ok(acts::sweep(first..=last, left_out))
}

#[sandboxed(read = granted)]
fn sweeps_with_read(granted: &[PathBuf], first: u32, last: u32, left_out: &[u32]) -> gaol::Result<String> {
    Ok(acts::sweep(first..=last, left_out))
}

#[sandboxed(read = granted, write = granted, net = "all", listen = "all", system = "info")]
fn sweeps_with_everything(granted: PathBuf, first: u32, last: u32, left_out: &[u32]) -> gaol::Result<String> {
    Ok(acts::sweep(first..=last, left_out))
}

impl Allowed {
    /// The same as operations, for profiles made by hand.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let tree = |path: &PathBuf| PathPattern::subpath(path).expect("a path of the test's own");
        match self {
            Self::Nothing => Vec::new(),
            Self::Read(paths) => paths.iter().map(|path| Operation::FileReadAll(tree(path))).collect(),
            Self::Metadata(path) => vec![Operation::FileReadMetadata(tree(path))],
            Self::Tcp(port) => vec![Operation::NetworkOutbound(AddressPattern::Tcp(*port))],
            Self::EveryAddress => vec![Operation::NetworkOutbound(AddressPattern::All)],
            Self::LocalSocket(path) => {
                let address = AddressPattern::local_socket(path).expect("a path of the test's own");
                vec![Operation::NetworkOutbound(address)]
            }
            Self::SystemInfo => vec![Operation::SystemInfoRead],
            Self::Everything(path) => vec![
                Operation::FileReadAll(tree(path)),
                Operation::FileWriteAll(tree(path)),
                Operation::NetworkOutbound(AddressPattern::All),
                Operation::NetworkInbound(AddressPattern::All),
                Operation::SystemInfoRead,
            ],
        }
    }

    /// What a sandboxed function with this profile gets.
    pub(crate) fn call(&self, act: Act) -> gaol::Result<i32> {
        match self {
            Self::Nothing => with_nothing(act),
            Self::Read(paths) => with_read(paths, act),
            Self::Metadata(path) => with_metadata(path.clone(), act),
            Self::Tcp(port) => with_net(&format!("tcp:{port}"), act),
            Self::EveryAddress => with_net("all", act),
            Self::LocalSocket(path) => with_net(&format!("unix:{}", path.display()), act),
            Self::SystemInfo => with_system_info(act),
            Self::Everything(path) => with_everything(path.clone(), act),
        }
    }

    /// The same in a second thread.
    pub(crate) fn call_in_a_thread(&self, act: Act) -> gaol::Result<i32> {
        match self {
            Self::Nothing => with_nothing_in_a_thread(act),
            other => panic!("there is no such function with {other:?}"),
        }
    }

    /// What a function gets that makes many calls.
    pub(crate) fn sweep(&self, first: u32, last: u32, left_out: &[u32]) -> gaol::Result<String> {
        match self {
            Self::Nothing => sweeps_with_nothing(first, last, left_out),
            Self::Read(paths) => sweeps_with_read(paths, first, last, left_out),
            Self::Everything(path) => sweeps_with_everything(path.clone(), first, last, left_out),
            other => panic!("there is no such function with {other:?}"),
        }
    }
}

//! What the kernel says of a process from outside: every layer that shows there.
//!
//! Landlock does not; what the process tries tells of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Each property by its name. Two processes under the same layers have the same view.
pub(crate) type View = BTreeMap<String, String>;

/// Looks at a process that is stopped.
pub(crate) fn look(pid: i32) -> View {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut view = View::new();
    let mut add = |name: &str, value: String| drop(view.insert(name.to_owned(), value));
    status(&process, &mut add);
    for namespace in ["user", "mnt", "pid", "ipc", "uts", "cgroup", "net"] {
        let link = |process: &Path| fs::read_link(process.join("ns").join(namespace));
        let own = match (link(&process), link(Path::new("/proc/self"))) {
            (Ok(theirs), Ok(ours)) => (theirs != ours).to_string(),
            (Err(error), _) | (_, Err(error)) => error.kind().to_string(),
        };
        add(&format!("{namespace} namespace of its own"), own);
    }
    add("mounts", mounts(&process));
    limits(&process, &mut add);
    add("descriptors", descriptors(&process));
    for link in ["cwd", "root"] {
        add(link, fs::read_link(process.join(link)).map_or_else(|error| error.kind().to_string(), path));
    }
    let environment = fs::read(process.join("environ")).map(|bytes| bytes.len());
    add("environment", environment.map_or_else(|error| error.kind().to_string(), |length| length.to_string()));
    // An undumpable process is root's.
    let owner = fs::metadata(process.join("environ")).map(|file| file.uid());
    add("owner in /proc", owner.map_or_else(|error| error.kind().to_string(), |uid| uid.to_string()));
    view
}

fn path(path: PathBuf) -> String {
    path.display().to_string()
}

/// What of the status is a layer's.
fn status(process: &Path, add: &mut impl FnMut(&str, String)) {
    const FIELDS: [&str; 13] = [
        "Uid",
        "Gid",
        "Groups",
        "Threads",
        "SigBlk",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
        "Seccomp_filters",
    ];
    let text = fs::read_to_string(process.join("status")).unwrap_or_default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if FIELDS.contains(&name) {
            add(name, value.trim().to_owned());
        }
        if name == "NSpid" {
            add("nested pid namespaces", value.split_whitespace().count().to_string());
        }
    }
}

/// Mount points with their options, in no order.
fn mounts(process: &Path) -> String {
    let text = match fs::read_to_string(process.join("mountinfo")) {
        Ok(text) => text,
        Err(error) => return error.kind().to_string(),
    };
    let mut mounts: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(4);
            Some(format!("{} {}", fields.next()?, fields.next()?))
        })
        .collect();
    mounts.sort();
    mounts.join("\n")
}

/// Soft and hard limits. Those on address space and on processes depend on what there was before, so that only their being there is
/// compared.
fn limits(process: &Path, add: &mut impl FnMut(&str, String)) {
    let text = fs::read_to_string(process.join("limits")).unwrap_or_default();
    for line in text.lines().filter(|line| line.starts_with("Max ")) {
        let (name, value) = line.split_at(line.len().min(26));
        let value = value.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let varies = ["Max address space", "Max processes"].contains(&name.trim());
        let value = if varies && !value.starts_with("unlimited") { "some".to_owned() } else { value };
        add(name.trim(), value);
    }
}

/// What is open, by number and kind.
fn descriptors(process: &Path) -> String {
    let entries = match fs::read_dir(process.join("fd")) {
        Ok(entries) => entries,
        Err(error) => return error.kind().to_string(),
    };
    let mut open: Vec<String> = entries
        .flatten()
        .map(|entry| {
            let target = fs::read_link(entry.path()).map(path).unwrap_or_default();
            // Without the inode number.
            let kind = target.split_once(":[").map_or(target.as_str(), |(kind, _)| kind);
            format!("{} {kind}", entry.file_name().display())
        })
        .collect();
    open.sort();
    open.join("\n")
}

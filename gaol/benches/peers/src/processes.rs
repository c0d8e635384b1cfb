//! The processes that descend from this one, and what they hold.

use std::collections::HashMap;
use std::fs;

/// A process, as `/proc` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) is_zombie: bool,
    /// 1 for a child of this process, 2 for a child's child.
    pub(crate) depth: u32,
}

/// Has orphans among the descendants become children of this process.
pub(crate) fn inherit_orphans() -> Result<(), String> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| format!("prctl(PR_SET_CHILD_SUBREAPER): {errno}"))
}

/// Every descendant, parents before their children.
pub(crate) fn descendants() -> Result<Vec<Process>, String> {
    let entries = fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // One that ends meanwhile is no descendant any more.
    let all: Vec<Process> =
        pids.filter_map(|pid: u32| parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect();
    Ok(family(&all, std::process::id()))
}

/// The descendants of `root` among `all`.
fn family(all: &[Process], root: u32) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut generation = vec![root];
    for depth in 1.. {
        let next: Vec<&Process> = generation.iter().filter_map(|pid| children.get(pid)).flatten().copied().collect();
        if next.is_empty() {
            break;
        }
        generation = next.iter().map(|process| process.pid).collect();
        found.extend(next.into_iter().map(|process| Process { depth, ..process.clone() }));
    }
    found
}

/// `/proc/PID/stat`: the name stands in parentheses and may hold some itself.
fn parse_stat(line: &str) -> Option<Process> {
    let (pid, rest) = line.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?);
    Some(Process {
        pid: pid.parse().ok()?,
        parent: parent.parse().ok()?,
        name: name.to_owned(),
        is_zombie: state == "Z",
        depth: 0,
    })
}

/// The bytes that a process shares with no other.
pub(crate) fn unshared(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    // Children of gaol are not dumpable: only root may look.
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    parse_unshared(&text).ok_or_else(|| format!("{path} has no private pages"))
}

fn parse_unshared(text: &str) -> Option<u64> {
    let kibibytes = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some((kibibytes("Private_Clean:")? + kibibytes("Private_Dirty:")?) * 1024)
}

/// The bytes of this process that are resident.
pub(crate) fn resident() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, name: "x".to_owned(), is_zombie: false, depth: 0 }
    }

    #[test]
    fn a_stat_line_is_read_from_behind_the_name() {
        let read = parse_stat("42 (a) b (c)) Z 7 42 42 0 -1").expect("it is one");
        assert_eq!((read.pid, read.parent, read.name.as_str(), read.is_zombie), (42, 7, "a) b (c)", true));
        assert_eq!(parse_stat("42"), None);
    }

    #[test]
    fn a_family_is_those_that_descend_and_how_far() {
        let all = [process(5, 3), process(2, 1), process(3, 2), process(4, 1), process(9, 8)];
        let depths: Vec<_> = family(&all, 2).into_iter().map(|process| (process.pid, process.depth)).collect();
        assert_eq!(depths, [(3, 1), (5, 2)]);
    }

    #[test]
    fn unshared_is_clean_and_dirty_private_pages() {
        let text = "Rss:  900 kB\nPrivate_Clean:        4 kB\nPrivate_Dirty:      120 kB\nPrivate_Hugetlb: 0 kB\n";
        assert_eq!(parse_unshared(text), Some(124 * 1024));
        assert_eq!(parse_unshared("Rss: 1 kB"), None);
    }
}

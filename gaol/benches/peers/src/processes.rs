//! The processes that descend from this one, and what they hold.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// How long the last workers may take to be gone, and the next to stand ready.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_FOR_SPARES: Duration = Duration::from_secs(2);
/// For longer than this no spare stays that only many calls at once need.
const RUSH: Duration = Duration::from_millis(1200);
/// How often a family that stands still is looked for.
const MOST_LOOKS: usize = 5;

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

/// Every descendant of a process, parents before their children.
pub(crate) fn descendants_of(root: u32) -> Result<Vec<Process>, String> {
    let entries = fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // One that ends meanwhile is no descendant any more.
    let all: Vec<Process> =
        pids.filter_map(|pid: u32| parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect();
    Ok(descendants(&all, root))
}

/// The descendants of a process that inherits orphans, once they are those that must be there between calls: a zygote, its templates, at
/// most one spare of each, and nobody else.
///
/// `call` makes a call of each function. After many calls at once there are more spares than one, or, when those have gone, none; a call
/// that comes by itself has the next one made.
pub(crate) fn idle_family(
    root: u32,
    templates: usize,
    call: impl FnOnce() -> Result<(), String>,
) -> Result<Vec<Process>, String> {
    wait_until(root, PATIENCE, |descendants| is_quiet(descendants, templates, 0..=1))?;
    call()?;
    let quiet = || {
        wait_until(root, PATIENCE_FOR_SPARES, |descendants| is_quiet(descendants, templates, 1..=1))
            .or_else(|_| wait_until(root, PATIENCE, |descendants| is_quiet(descendants, templates, 0..=1)))
    };
    // A spare that only a rush of calls had need of may be about to end.
    let mut descendants = quiet()?;
    for _ in 0..MOST_LOOKS {
        std::thread::sleep(RUSH);
        let before: Vec<u32> = descendants.iter().map(|process| process.pid).collect();
        descendants = quiet()?;
        if descendants.iter().map(|process| process.pid).eq(before) {
            break;
        }
    }
    Ok(descendants)
}

fn wait_until(root: u32, patience: Duration, is_there: impl Fn(&[Process]) -> bool) -> Result<Vec<Process>, String> {
    let deadline = Instant::now() + patience;
    loop {
        let descendants = descendants_of(root)?;
        if is_there(&descendants) {
            return Ok(descendants);
        }
        if Instant::now() > deadline {
            let at = |depth| descendants.iter().filter(|process| process.depth == depth).count();
            let zombies = descendants.iter().filter(|process| process.is_zombie).count();
            let [zygotes, templates, workers] = [at(1), at(2), at(3)];
            return Err(format!(
                "after {patience:?} there are {zygotes} zygotes, {templates} templates, {workers} workers, {} in all, {zombies} of them zombies",
                descendants.len()
            ));
        }
        // There is no event for "nothing happens any more".
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is one zygote, so many templates, with so many spares each, and nobody else.
fn is_quiet(descendants: &[Process], templates: usize, spares: RangeInclusive<usize>) -> bool {
    let at = |depth| descendants.iter().filter(move |process| process.depth == depth);
    at(1).count() == 1
        && at(2).count() == templates
        && at(2).all(|template| spares.contains(&at(3).filter(|spare| spare.parent == template.pid).count()))
        && descendants.iter().all(|process| process.depth <= 3 && !process.is_zombie)
}

/// The descendants of `root` among `all`.
fn descendants(all: &[Process], root: u32) -> Vec<Process> {
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

/// The descriptors that a process has open.
pub(crate) fn descriptors(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
    // Listing one's own opens one.
    Ok(entries.count() as u64 - u64::from(pid == std::process::id()))
}

/// The bytes that a process shares with no other.
pub(crate) fn unshared(pid: u32) -> Result<u64, String> {
    pages(pid, &["Private_Clean:", "Private_Dirty:"])
}

/// The bytes of a process that are no file's.
pub(crate) fn anonymous(pid: u32) -> Result<u64, String> {
    pages(pid, &["Anonymous:"])
}

/// The bytes of a process, each page divided by how many share it: of a family they can be added up.
pub(crate) fn proportional(pid: u32) -> Result<u64, String> {
    pages(pid, &["Pss:"])
}

fn pages(pid: u32, keys: &[&str]) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    // Children of gaol are not dumpable: only root may look.
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    parse_pages(&text, keys).ok_or_else(|| format!("{path} does not say {keys:?}"))
}

fn parse_pages(text: &str, keys: &[&str]) -> Option<u64> {
    let kibibytes = |key: &&str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(*key))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    keys.iter().map(kibibytes).sum::<Option<u64>>().map(|kibibytes| kibibytes * 1024)
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
        let depths: Vec<_> = descendants(&all, 2).into_iter().map(|process| (process.pid, process.depth)).collect();
        assert_eq!(depths, [(3, 1), (5, 2)]);
    }

    #[test]
    fn pages_are_added_up_by_what_they_are() {
        let text = "Rss:  900 kB\nPss: 130 kB\nPrivate_Clean:        4 kB\nPrivate_Dirty:      120 kB\n";
        assert_eq!(parse_pages(text, &["Private_Clean:", "Private_Dirty:"]), Some(124 * 1024));
        assert_eq!(parse_pages(text, &["Pss:"]), Some(130 * 1024));
        assert_eq!(parse_pages(text, &["Pss:", "Swap:"]), None);
    }

    #[test]
    fn a_family_is_quiet_with_a_zygote_its_templates_and_as_many_spares() {
        let all = [process(2, 1), process(3, 2), process(4, 3)];
        assert!(is_quiet(&descendants(&all, 1), 1, 1..=1));
        assert!(!is_quiet(&descendants(&all, 1), 2, 1..=1));
        assert!(!is_quiet(&descendants(&all[..2], 1), 1, 1..=1));
        assert!(is_quiet(&descendants(&all[..2], 1), 1, 0..=1));
        for one_more in [process(5, 3), process(5, 2), process(5, 1), process(5, 4)] {
            assert!(
                !is_quiet(&descendants(&[all.as_slice(), std::slice::from_ref(&one_more)].concat(), 1), 1, 0..=1),
                "{one_more:?}"
            );
        }
        let mut zombie = all.clone();
        zombie[2].is_zombie = true;
        assert!(!is_quiet(&descendants(&zombie, 1), 1, 0..=1));
    }
}

//! Every system call that no operation allows is refused, by the errno that is documented or by the end of the process.
//!
//! Each is tried with every argument -1, by which no call does anything that matters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{ENOSYS, EPERM};

use super::acts::{self, Act, End};
use super::lists::{LETHAL, NEWEST, OF_THE_KERNEL, PRIVILEGED, Rules, UNKNOWN, number};
use super::profiles::Allowed;
use super::ways::{Tier, Way, ends, ends_outside, output_of_sweep, sweeps, ways};
use crate::support::alone::{Alone, NOBODY, User, place};

/// Number and errno of each line.
fn parsed(lines: &str) -> BTreeMap<u32, i32> {
    lines
        .lines()
        .map(|line| {
            let (number, errno) = line.split_once(' ').expect("two numbers");
            (number.parse().expect("a number"), errno.parse().expect("an errno"))
        })
        .collect()
}

#[test]
fn a_system_call_that_is_not_allowed_is_refused() {
    Alone::new("servo_gaol::calls::a_system_call_that_is_not_allowed_is_refused").run(sweep_every_way);
}

#[test]
fn a_system_call_that_is_not_allowed_is_refused_to_an_unprivileged_user() {
    let name = "servo_gaol::calls::a_system_call_that_is_not_allowed_is_refused_to_an_unprivileged_user";
    if let Some(alone) = Alone::new(name).user(User::Nobody) {
        alone.run(sweep_every_way);
    }
}

fn sweep_every_way() {
    let granted = place().join("granted");
    fs::create_dir(&granted).expect("a directory");
    for allowed in [Allowed::Nothing, Allowed::Read(vec![granted.clone()]), Allowed::Everything(granted)] {
        for (way, tier) in ways() {
            let rules = Rules::of(way, tier, &allowed);
            let left_out = rules.left_out();
            let mut refused = 0;
            for range in std::iter::once(0..=NEWEST).chain(UNKNOWN) {
                let (first, last) = (*range.start(), *range.end());
                let got = parsed(&sweeps(way, tier, &allowed, first, last, &left_out));
                let expected: BTreeMap<u32, i32> = range
                    .filter(|number| !left_out.contains(number))
                    .map(|number| (number, rules.errno(number)))
                    .collect();
                let wrong: Vec<String> = expected
                    .iter()
                    .filter(|(number, errno)| got.get(number) != Some(errno))
                    .map(|(number, errno)| format!("{number} got {:?}, not {errno}", got.get(number)))
                    .collect();
                assert!(wrong.is_empty(), "{allowed:?}: {way:?} in tier {tier:?}: {wrong:#?}");
                assert_eq!(got.len(), expected.len());
                refused += got.len();
            }
            println!("{refused} calls refused with {allowed:?}: {way:?} in tier {tier:?}");
        }
    }
}

#[test]
fn a_call_that_is_an_attack_ends_the_process() {
    Alone::new("servo_gaol::calls::a_call_that_is_an_attack_ends_the_process").run(|| {
        let mut numbers: Vec<u32> = LETHAL.map(number).to_vec();
        // x32: read, execve, a number that is no call there either, and the last; then minus one.
        if cfg!(target_arch = "x86_64") {
            numbers.extend([0, 59, 500, 520, 547].map(|number| number | 0x4000_0000));
        }
        numbers.extend([0x8000_0000, u32::MAX]);
        for (way, tier) in ways() {
            for number in &numbers {
                let end = ends(way, tier, &Allowed::Nothing, &Act::Call(*number, vec![-1; 6]));
                assert_eq!(end, End::Signal(libc::SIGSYS), "{number:#x}: {way:?} in tier {tier:?}");
            }
            for number in OF_THE_KERNEL {
                let end = ends(way, tier, &Allowed::Nothing, &Act::Call(*number, vec![-1; 6]));
                let refusals = [End::Errno(EPERM), End::Errno(libc::ENXIO), End::Signal(libc::SIGILL)];
                assert!(refusals.contains(&end), "{number}: {end:?}: {way:?} in tier {tier:?}");
            }
        }
        for number in LETHAL.map(number) {
            let end = ends_outside(&Act::Call(number, vec![-1; 6]));
            assert!(!matches!(end, End::Signal(_)), "{number} outside: {end:?}");
        }
    });
}

#[test]
fn outside_of_a_sandbox_the_calls_are_answered_otherwise() {
    Alone::new("servo_gaol::calls::outside_of_a_sandbox_the_calls_are_answered_otherwise").run(|| {
        let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        if !status.lines().any(|line| line == "Seccomp:\t0") {
            eprintln!("left out: this process is under a seccomp filter itself, which answers some of the calls");
            return;
        }
        let rules = Rules::of(Way::Function, Tier::A, &Allowed::Nothing);
        // Processes would go on with the sweep, and this one would wait for every disk of the machine.
        let mut left_out = rules.left_out();
        left_out.push(number(libc::SYS_sync));
        #[cfg(target_arch = "x86_64")]
        left_out.extend([libc::SYS_fork, libc::SYS_vfork].map(number));
        let mut prober = Command::new(acts::prober(&place()));
        if rustix::process::geteuid().is_root() {
            // Nothing here needs the right to do harm.
            prober.uid(NOBODY).gid(NOBODY);
        }
        let outside = parsed(&output_of_sweep(&mut prober, 0, NEWEST, &left_out));
        let (absent, there): (Vec<_>, Vec<_>) = outside.into_iter().partition(|(_, errno)| *errno == ENOSYS);
        println!("this kernel lacks {} of the calls", absent.len());
        let alike = there.iter().filter(|(number, errno)| rules.errno(*number) == *errno).map(|(number, _)| *number);
        let alike: BTreeSet<u32> = alike.collect();
        let privileged = PRIVILEGED.iter().map(|call| number(*call)).collect();
        assert!(alike.is_subset(&privileged), "refused without a sandbox as well: {:?}", &alike - &privileged);
        assert!(there.len() > 200, "{} calls are there", there.len());
    });
}

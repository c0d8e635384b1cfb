//! Programs that start too many others: bounded, ended, and gone, whoever runs them.

use std::time::{Duration, Instant};

use gaol::Profile;

use super::tools::{Act, End, Tier, all_gone, bare, in_each_tier, marked, marker, prober, run, try_in, try_outside};

const LIMIT: u64 = 24;

fn limited(tier: Tier) -> Profile {
    let profile = bare(tier);
    let mut limits = *profile.limits();
    limits.threads = Some(LIMIT);
    profile.with_limits(limits)
}

/// Whether the kernel counts for us: in a user namespace of its own, and not for uid 0.
fn is_counted_by_the_kernel(tier: Tier) -> bool {
    tier == Tier::A && !rustix::process::geteuid().is_root()
}

/// What becomes of too many: refused by the kernel where it counts, else ended by who looks.
fn too_many(tier: Tier) -> End {
    if is_counted_by_the_kernel(tier) { End::Exit(libc::EAGAIN) } else { End::Signal(libc::SIGKILL) }
}

#[test]
pub(super) fn a_program_may_have_as_many_processes_as_its_profile_says() {
    in_each_tier(|tier| {
        let profile = limited(tier);
        for act in ["start-threads", "start-processes"] {
            let of = |count: u64| try_in(&profile, &[act, &count.to_string(), "200"]);
            assert_eq!(of(LIMIT - 2), End::Exit(0), "{act}, tier {tier:?}");
            // Outside nobody counts so low.
            let more = (LIMIT * 2).to_string();
            let act: Act<'_> = &[act, &more, "200"];
            assert_eq!(try_outside(act), End::Exit(0), "the control of {act:?}");
            if act[0] == "start-processes" || is_counted_by_the_kernel(tier) {
                assert_eq!(try_in(&profile, act), too_many(tier), "{act:?}, tier {tier:?}");
            }
        }
    });
}

#[test]
pub(super) fn a_fork_bomb_is_bounded_and_ended() {
    in_each_tier(|tier| {
        let mut limits = *limited(tier).limits();
        limits.time = Some(Duration::from_millis(500));
        let profile = limited(tier).with_limits(limits);
        let word = marker("bomb");
        // Made here, for each thread says for itself in which tier it is.
        let mut command = profile.command(prober());
        command.args(["bomb", &word]);
        let begun = Instant::now();
        let most = std::thread::scope(|scope| {
            let bomb = scope.spawn(|| run(&mut command).0);
            let mut most = 0;
            while !bomb.is_finished() {
                most = most.max(marked(&word).len());
            }
            assert_eq!(bomb.join().expect("no panic"), End::Signal(libc::SIGKILL));
            most
        });
        assert_eq!(marked(&word), [0; 0], "tier {tier:?}");
        all_gone(&word);
        eprintln!("tier {tier:?}: at most {most} processes were seen, and none after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(60), "tier {tier:?} took {:?}", begun.elapsed());
    });
}

#[test]
pub(super) fn a_program_that_may_be_one_process_starts_no_other() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        let mut limits = *profile.limits();
        limits.threads = Some(1);
        let profile = profile.with_limits(limits);
        assert_eq!(try_in(&profile, &["exit", "4"]), End::Exit(4));
        for act in [["start-threads", "1"], ["start-processes", "1"]] {
            assert_eq!(try_in(&profile, &act), End::Exit(libc::EAGAIN), "{act:?}");
        }
    });
}

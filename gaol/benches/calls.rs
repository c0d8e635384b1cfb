//! What a call costs, next to starting a program the plain way. `cargo bench -p gaol --bench calls`
//!
//! All contenders take turns in one process, so that a machine whose speed drifts slows them all; each checks what it got. Quote the
//! ratios, not the times.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gaol::sandboxed;

#[sandboxed]
fn fresh(value: u64) -> gaol::Result<u64> {
    Ok(value + 1)
}

#[sandboxed(read = "/etc")]
fn fresh_with_files(value: u64) -> gaol::Result<u64> {
    Ok(value + 1)
}

#[sandboxed(process = "reused")]
fn reused(value: u64) -> gaol::Result<u64> {
    Ok(value + 1)
}

#[sandboxed(process = "exec")]
fn exec(value: u64) -> gaol::Result<u64> {
    Ok(value + 1)
}

#[sandboxed(read = path)]
fn per_call(path: &Path) -> gaol::Result<bool> {
    Ok(path.is_dir())
}

#[sandboxed]
fn large(bytes: &[u8]) -> gaol::Result<usize> {
    Ok(bytes.len())
}

/// How often each contender runs, after one round that is not counted.
const ROUNDS: usize = 400;

/// Between two calls, so that a spare worker stands ready: what a service under light load sees.
const PAUSE: Duration = Duration::from_millis(1);

gaol::main! {
    fn main() {
        // `cargo test --benches` runs this too: once around is enough there.
        let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 2 };
        println!("{}", gaol::support());
        let begun = Instant::now();
        assert_eq!(fresh(1).unwrap(), 2);
        println!("first call in this process (zygote, template, worker): {:.1?}\n", begun.elapsed());
        let small = measure(rounds);
        print("small parent", &small);
        // Touched, so that it is resident.
        let ballast = vec![1_u8; 1 << 30];
        let big = measure(rounds);
        black_box(&ballast);
        print("parent with 1 GiB resident", &big);
        let threads = [1, 2, 4, 8].map(|threads| (threads, throughput(threads, rounds * 5)));
        println!("fresh calls a second, back to back: {}", threads.map(|(threads, rate)| format!("{threads} threads {rate:.0}")).join(", "));
    }
}

type Times = BTreeMap<&'static str, Vec<Duration>>;

fn measure(rounds: usize) -> Times {
    let megabyte = vec![7_u8; 1 << 20];
    let mut times = Times::new();
    for round in 0..=rounds {
        let value = round as u64;
        let mut turn = |name: &'static str, work: &mut dyn FnMut()| {
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            work();
            if round > 0 {
                times.entry(name).or_default().push(begun.elapsed());
            }
        };
        turn("a plain program: /bin/true, start and wait", &mut || {
            assert!(Command::new("/bin/true").status().unwrap().success())
        });
        turn("fresh", &mut || assert_eq!(fresh(value).unwrap(), value + 1));
        turn("fresh, with a granted directory", &mut || assert_eq!(fresh_with_files(value).unwrap(), value + 1));
        turn("fresh, 1 MiB argument", &mut || assert_eq!(large(&megabyte).unwrap(), megabyte.len()));
        turn("reused", &mut || assert_eq!(reused(value).unwrap(), value + 1));
        turn("profile names its argument", &mut || assert!(per_call(Path::new("/etc")).unwrap()));
        turn("exec", &mut || assert_eq!(exec(value).unwrap(), value + 1));
    }
    times
}

fn print(title: &str, times: &Times) {
    let quantile = |sorted: &[Duration], percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    let sorted: Vec<(&str, Vec<Duration>)> = times
        .iter()
        .map(|(name, times)| {
            let mut times = times.clone();
            times.sort();
            (*name, times)
        })
        .collect();
    let plain =
        sorted.iter().find(|(name, _)| name.starts_with("a plain")).map(|(_, times)| quantile(times, 50)).unwrap();
    println!("| {title} | p50 | p90 | p99 | p50 against a plain program |\n|---|---|---|---|---|");
    for (name, times) in &sorted {
        let median = quantile(times, 50);
        let ratio = median.as_secs_f64() / plain.as_secs_f64();
        println!("| {name} | {median:.0?} | {:.0?} | {:.0?} | {ratio:.2} |", quantile(times, 90), quantile(times, 99));
    }
    println!();
}

fn throughput(threads: usize, calls: usize) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for value in 0..calls / threads {
                    assert_eq!(fresh(value as u64).unwrap(), value as u64 + 1);
                }
            });
        }
    });
    calls as f64 / begun.elapsed().as_secs_f64()
}

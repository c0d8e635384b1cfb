//! The parts of a call, each by itself: codec, plan, filters, template, spare. `cargo bench -p gaol --features bench-internals`
//!
//! What a whole call costs, next to other ways, is measured by `gaol/benches/peers`.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use gaol::bench_internals::{decode, encode, plan};
use gaol::{AddressPattern, Operation, PathPattern, Profile, sandboxed};
use serde::{Deserialize, Serialize};

/// Between two calls, so that a spare worker stands ready.
const PAUSE: Duration = Duration::from_millis(1);

gaol::main! {
    fn main() {
        let mut criterion = Criterion::default().configure_from_args();
        codec(&mut criterion);
        plans(&mut criterion);
        templates(&mut criterion);
        calls(&mut criterion);
        criterion.final_summary();
    }
}

/// What functions take and give: names, numbers, lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u64,
    name: String,
    tags: Vec<String>,
    position: Option<(f64, f64)>,
}

impl Record {
    fn numbered(id: u64) -> Self {
        let tags = (0..id % 4).map(|tag| format!("tag {tag}")).collect();
        Self { id, name: format!("record {id}"), tags, position: id.is_multiple_of(2).then_some((0.5, id as f64)) }
    }
}

/// Values to bytes, bytes to values, and both.
fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for count in [1, 1000] {
        let records: Vec<Record> = (0..count).map(Record::numbered).collect();
        let bytes = encode(&records).expect("they can be encoded");
        assert_eq!(decode::<Vec<Record>>(&bytes).as_ref(), Some(&records));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("encode {count} records"), |bench| bench.iter(|| encode(black_box(&records))));
        group.bench_function(format!("decode {count} records"), |bench| {
            bench.iter(|| decode::<Vec<Record>>(black_box(&bytes)));
        });
        group.bench_function(format!("round trip of {count} records"), |bench| {
            bench.iter(|| decode::<Vec<Record>>(&encode(black_box(&records))?));
        });
    }
    group.finish();
}

/// A profile resolved, and its filters compiled: once for each template.
fn plans(criterion: &mut Criterion) {
    let profile = |operations| Profile::new(operations).expect("this system can keep it");
    let path = |path: &str| PathPattern::subpath(path).expect("it is absolute and normal");
    let profiles = [
        ("no operation", profile(vec![])),
        ("read a directory", profile(vec![Operation::FileReadAll(path("/etc"))])),
        ("run a program", profile(vec![Operation::ProcessExec(path("/bin/sh"))])),
        (
            "a server",
            profile(vec![
                Operation::FileReadAll(path("/etc")),
                Operation::FileWriteAll(path("/tmp")),
                Operation::NetworkOutbound(AddressPattern::Tcp(443)),
            ]),
        ),
    ];
    for (name, profile) in &profiles {
        criterion.bench_function(format!("plan: {name}").as_str(), |bench| bench.iter(|| plan(black_box(profile))));
        let planned = plan(profile).expect("its paths are there");
        criterion.bench_function(format!("compile the filters: {name}").as_str(), |bench| {
            bench.iter(|| black_box(&planned).compile_filters());
        });
    }
}

type Function = fn(u64) -> gaol::Result<u64>;

/// Each value makes another profile.
static MEMORY: AtomicU64 = AtomicU64::new(64 << 20);

#[sandboxed(memory = MEMORY.load(Ordering::Relaxed))]
fn in_a_new_template(number: u64) -> gaol::Result<u64> {
    Ok(number + 1)
}

#[sandboxed(memory = MEMORY.load(Ordering::Relaxed), read = "/etc")]
fn in_a_new_template_with_files(number: u64) -> gaol::Result<u64> {
    Ok(number + 1)
}

/// A template entered and its first worker called: what the first call of a profile costs once the zygote stands.
fn templates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("template and first call");
    group.sample_size(50);
    let functions: [Function; 2] = [in_a_new_template, in_a_new_template_with_files];
    for (name, function) in ["no operation", "read a directory"].into_iter().zip(functions) {
        group.bench_function(name, |bench| {
            bench.iter_batched(
                || MEMORY.fetch_add(1 << 12, Ordering::Relaxed),
                |number| assert_eq!(function(number).expect("a call"), number + 1),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

#[sandboxed]
fn fresh(number: u64) -> gaol::Result<u64> {
    Ok(number + 1)
}

#[sandboxed(process = "reused")]
fn reused(number: u64) -> gaol::Result<u64> {
    Ok(number + 1)
}

/// What a call waits for. Back to back each waits for the spare that the one before it had made: the difference to a call that finds
/// one ready is what of a refill can be seen from outside.
fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    group.bench_function("a spare stands ready", |bench| bench.iter_custom(with_pauses));
    group.bench_function("back to back, waiting for the refill", |bench| {
        bench.iter(|| assert_eq!(fresh(black_box(1)).expect("a call"), 2));
    });
    group.bench_function("reused", |bench| bench.iter(|| assert_eq!(reused(black_box(1)).expect("a call"), 2)));
    group.finish();
}

/// The time of so many calls, without the pauses between them.
fn with_pauses(calls: u64) -> Duration {
    (0..calls)
        .map(|number| {
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            let answer = fresh(number);
            let time = begun.elapsed();
            assert_eq!(answer.expect("a call"), number + 1);
            time
        })
        .sum()
}

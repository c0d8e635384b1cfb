//! Large arguments and results: bit-equal, in shared memory, under the caps of the profile.

use std::sync::Mutex;

use gaol::{Error, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

/// The sizes are large, and the machine may be small: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const MIB: usize = 1 << 20;

#[sandboxed(memory = "3GiB", reply = "2GiB", time = "120s")]
fn bytes(bytes: &[u8]) -> gaol::Result<Vec<u8>> {
    Ok(bytes.to_vec())
}

#[sandboxed(memory = "4GiB", reply = "2GiB", time = "120s")]
fn floats(floats: Vec<f32>) -> gaol::Result<Vec<f32>> {
    Ok(floats)
}

/// Bytes that no shift or repetition leaves equal.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

#[test]
fn bytes_come_back_bit_equal() {
    let _alone = alone();
    for size in [0, 1, 65_535, 65_536, 65_537, MIB, 64 * MIB] {
        let sent = pattern(size);
        assert!(bytes(&sent).expect("a call") == sent, "{size} bytes");
    }
}

#[test]
fn numbers_come_back_bit_equal() {
    let _alone = alone();
    for size in [0, 1, MIB / 4, 16 * MIB] {
        // Every bit pattern, those that are no numbers included.
        let sent: Vec<f32> =
            (0..size).map(|index| f32::from_bits((index as u32).wrapping_mul(2_654_435_761))).collect();
        let bits = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
        let expected = bits(&sent);
        assert!(bits(&floats(sent).expect("a call")) == expected, "{size} floats");
    }
}

/// The highest resident size of this process so far, in bytes. Writing 5 to `clear_refs` starts over.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn a_gibibyte_crosses_both_ways_within_twice_its_size() {
    let _alone = alone();
    const GIB: usize = 1 << 30;
    let sent = pattern(GIB);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = peak();
    let received = bytes(&sent).expect("a call");
    let grown = peak();
    assert!(received == sent);
    println!("{} MiB before, {} MiB at the peak", before / MIB, grown / MIB);
    // What was sent and what came back, and a fifth for all else. The memory that is shared is on its way, and nobody's resident size.
    assert!(grown < GIB * 22 / 10, "{grown}");
    drop(received);
    drop(sent);

    let sent: Vec<f32> = (0..GIB / 4).map(|index| f32::from_bits(index as u32)).collect();
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let received = floats(sent).expect("a call");
    assert!(peak() < GIB * 22 / 10, "{}", peak());
    assert_eq!(received.len(), GIB / 4);
    assert!(received.iter().enumerate().all(|(index, float)| float.to_bits() == index as u32));
}

/// Blocks one level inside of other types.
type Mixed = (Vec<u8>, Option<Vec<u32>>, String, Box<[f64]>, serde_bytes::ByteBuf);

#[sandboxed]
fn mixed(mixed: Mixed, text: &str, maybe: Option<String>) -> gaol::Result<(Mixed, usize, Option<String>)> {
    Ok((mixed, text.len(), maybe))
}

#[test]
fn blocks_inside_tuples_options_and_byte_buffers() {
    let _alone = alone();
    let sent: Mixed = (
        pattern(MIB),
        Some((0..300_000).collect()),
        "é".repeat(100_000),
        (0..50_000).map(f64::from).collect(),
        serde_bytes::ByteBuf::from(pattern(2 * MIB)),
    );
    let text = "x".repeat(3 * MIB);
    let (back, length, maybe) = mixed(sent.clone(), &text, Some(text.clone())).expect("a call");
    assert!(back == sent);
    assert_eq!(length, text.len());
    assert!(maybe.as_deref() == Some(text.as_str()));
    let (back, _, maybe) =
        mixed((vec![], None, String::new(), Box::new([]), serde_bytes::ByteBuf::new()), "", None).expect("a call");
    assert_eq!((back.0.len(), back.1, maybe), (0, None, None));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    title: String,
    pages: Vec<Page>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Page {
    text: String,
    #[serde(with = "serde_bytes")]
    image: Vec<u8>,
}

#[sandboxed(reply = "256MiB", file_size = "100KiB")]
fn document(document: Document) -> gaol::Result<Document> {
    Ok(document)
}

#[test]
fn blocks_inside_serdes_data_and_in_many_pieces() {
    let _alone = alone();
    // With a limit on files of 100 KiB, shared memory comes in as many pieces.
    let pages = (0..200).map(|page| Page { text: "t".repeat(page * 700), image: pattern(page * 1_001) });
    let sent = Document { title: "large".to_owned(), pages: pages.collect() };
    assert!(document(sent.clone()).expect("a call") == sent);
}

#[sandboxed(file_size = "10KiB", reply = "16MiB")]
fn without_room(bytes: Vec<u8>) -> gaol::Result<Vec<u8>> {
    Ok(bytes)
}

#[test]
fn where_no_file_may_grow_the_reply_stands_in_its_frame() {
    let _alone = alone();
    let sent = pattern(5 * MIB);
    assert!(without_room(sent.clone()).expect("a call") == sent);
}

#[sandboxed(reply = "1MiB")]
fn too_much(length: usize) -> gaol::Result<Vec<u8>> {
    Ok(vec![7; length])
}

#[sandboxed(memory = "8MiB")]
fn takes_little(bytes: &[u8]) -> gaol::Result<usize> {
    Ok(bytes.len())
}

#[test]
fn over_the_cap_is_an_error_that_names_it() {
    let _alone = alone();
    assert_eq!(too_much(MIB - 100).expect("a call").len(), MIB - 100);
    match too_much(MIB + 1) {
        Err(error @ Error::Protocol { problem: ProtocolProblem::Unable(_), .. }) => {
            assert!(error.to_string().contains("allow more with `reply = …`"), "{error}");
        }
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
    match takes_little(&vec![0; 9 * MIB]) {
        Err(error @ Error::Arguments { .. }) => assert!(error.to_string().contains("`memory = …`"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[sandboxed(process = "reused", reply = "256MiB")]
fn kept(bytes: Vec<u8>) -> gaol::Result<(u32, Vec<u8>)> {
    Ok((std::process::id(), bytes))
}

#[test]
fn a_kept_worker_sends_one_after_the_other() {
    let _alone = alone();
    let mut workers = std::collections::BTreeSet::new();
    for size in [MIB, 0, 3 * MIB, 70_000, 8 * MIB] {
        let sent = pattern(size);
        let (worker, back) = kept(sent.clone()).expect("a call");
        assert!(back == sent);
        workers.insert(worker);
    }
    assert_eq!(workers.len(), 1);
}

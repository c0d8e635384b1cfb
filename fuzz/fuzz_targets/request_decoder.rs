//! What a worker reads of the application: a call's header, its environment, its arguments and what comes beside them.
#![no_main]
#![allow(dead_code, reason = "the functions are called by their numbers")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use gaol::fuzz::{self, HEADER, Header};
use gaol_fuzz::shape::{Dynamic, Shape};
use gaol_fuzz::{damage, memory, open, shape};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// As many as `a` to `e` below, in their order.
const FUNCTIONS: usize = 5;

#[gaol::sandboxed]
fn a_echo(value: Dynamic) -> gaol::Result<Dynamic> {
    Ok(value)
}

#[gaol::sandboxed]
fn b_blocks(numbers: &[u32], text: &str, path: &Path, small: u8) -> gaol::Result<(usize, usize, PathBuf, u8)> {
    Ok((numbers.len(), text.len(), path.to_owned(), small))
}

#[gaol::sandboxed]
fn c_changes(numbers: &mut [u16], names: &mut Vec<String>) -> gaol::Result<()> {
    numbers.reverse();
    names.reverse();
    Ok(())
}

#[gaol::sandboxed]
fn d_descriptors(file: File, other: Option<File>) -> gaol::Result<Option<File>> {
    drop(file);
    Ok(other)
}

#[gaol::sandboxed]
fn e_fails(sorted: BTreeMap<String, Vec<Option<(u8, i64)>>>) -> std::result::Result<(), Failure> {
    Err(Failure(format!("{sorted:?}")))
}

/// An error that is sent in words.
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<gaol::Error> for Failure {
    fn from(error: gaol::Error) -> Self {
        Self(error.to_string())
    }
}

const NONCE: u64 = 0x1122_3344_5566_7788;

/// What a worker may send back.
const REPLY: u64 = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let _ = call(&mut input);
});

fn call(input: &mut Unstructured<'_>) -> Result<()> {
    let entries = fuzz::entries();
    assert_eq!(entries.len(), FUNCTIONS);
    let function = input.choose_index(FUNCTIONS)?;
    let shape = Shape::arbitrary(input)?;
    shape::set(&shape);
    let mut descriptors = 0;
    let arguments = match function {
        0 => fuzz::encode(&Dynamic(shape.value(&shape, input, &mut 500)?), 16 << 10),
        1 => fuzz::encode(&(input.arbitrary::<Vec<u8>>()?, input.arbitrary::<&str>()?, "/p", 7_u8), 16 << 10),
        2 => fuzz::encode(&(input.arbitrary::<Vec<u8>>()?, input.arbitrary::<Vec<&str>>()?), 16 << 10),
        3 => {
            descriptors = input.int_in_range(0..=3)?;
            fuzz::encode(&(0_u32, input.arbitrary::<Option<u32>>()?), 16 << 10)
        }
        _ => fuzz::encode(&input.arbitrary::<BTreeMap<String, Vec<Option<(u8, i64)>>>>()?, 16 << 10),
    };
    // Too long, too deep: no call is made of it.
    let Ok(mut arguments) = arguments else { return Ok(()) };
    let environment: Vec<(Vec<u8>, Option<Vec<u8>>)> =
        if input.ratio(1_u8, 4)? { input.arbitrary()? } else { Vec::new() };
    let environment = match &environment[..] {
        [] => Vec::new(),
        variables => fuzz::encode(variables, 16 << 10).unwrap_or_default(),
    };
    let honest = function == 0 && environment.is_empty() && input.ratio(1_u8, 4)?;
    if !honest {
        damage::bytes(input, &mut arguments)?;
    }
    let payload = [environment.clone(), arguments.clone()].concat();
    let mut header = Header {
        kind: fuzz::CALL,
        nonce: NONCE,
        entry: entries[function],
        length: payload.len() as u64,
        prefix: environment.len() as u64,
        aside: 0,
        descriptors: descriptors as u32,
        buffer: 0,
        reply_buffer: if input.arbitrary()? { 256 << 20 } else { 0 },
    };
    for _ in 0..if honest { 0 } else { input.int_in_range(0..=2)? } {
        match input.int_in_range(0..=7_u8)? {
            0 => header.kind = input.int_in_range(0..=10)?,
            1 => header.entry = input.arbitrary()?,
            2 => header.length = damage::number(input)?,
            3 => header.prefix = damage::number(input)?,
            4 => header.aside = damage::number(input)?,
            5 => header.descriptors = input.int_in_range(0..=66)?,
            6 if input.arbitrary()? => header.buffer = damage::number(input)? as u32,
            6 => header.reply_buffer = damage::number(input)?,
            _ => descriptors = input.int_in_range(0..=64)?,
        }
    }
    let frame = [&header.to_bytes()[..], &payload].concat();
    let free = if shape.has_free_elements() { 65_536 } else { 0 };
    let limit = (1 << 20) + (frame.len() + free) * (512 + shape.nodes() * 4 * size_of::<shape::Value>());
    open::leaves_none(|| {
        let answer = memory::within(limit, || fuzz::serve_call(&frame, descriptors, REPLY));
        let answer = match answer {
            Ok(answer) => answer,
            // It ends without a word where no call has come, and where nobody takes its reply.
            Err(_) => {
                assert!(!honest, "an honest call is served");
                return;
            }
        };
        let result = frames(&answer);
        if honest {
            let (kind, payload) = result.expect("an honest call is answered");
            if payload.len() as u64 <= REPLY && kind == fuzz::RETURNED {
                assert_eq!(payload, arguments, "what went in comes out");
            }
        }
    });
    Ok(())
}

/// The reply: whole frames that answer this call, the last of which is one.
fn frames(mut answer: &[u8]) -> Option<(u32, Vec<u8>)> {
    let mut last = None;
    while !answer.is_empty() {
        let (head, rest) = answer.split_first_chunk::<HEADER>().expect("a header is whole");
        let header = Header::from_bytes(head).expect("a worker's own header is one");
        assert_eq!((header.nonce, header.prefix, header.reply_buffer), (NONCE, 0, 0));
        let (payload, rest) = rest.split_at(usize::try_from(header.length).expect("it is short"));
        assert!(header.kind != fuzz::CALL && header.length <= REPLY.max(16 << 10));
        last = Some((header.kind, payload.to_vec()));
        answer = rest;
    }
    last
}

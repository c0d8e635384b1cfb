//! What the application reads of a worker: values, headers, and whole replies, with what lies beside them.
#![no_main]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use gaol::__private::{
    Codec as _, CodecError as _, ErrorCodec, ErrorType, Way, WayOfBlocks as _, WayOfNothing as _, WayOfSerde as _,
};
use gaol::fuzz::{self, Came, EncodeError, HEADER, Header, Message, Script};
use gaol_fuzz::shape::{Dynamic, Shape, Typed};
use gaol_fuzz::{damage, memory, open, shape};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    // What the input is too short for is no test.
    let _ = match input.int_in_range(0..=9_u8) {
        Ok(0) => header(&mut input),
        Ok(1..=4) => value(&mut input),
        Ok(5..=6) => beside(&mut input),
        _ => reply(&mut input),
    };
});

/// What reading `bytes` as a `shape` may take: so much a byte for each type in it and, where elements may be empty, for those that are free.
fn bound(bytes: usize, shape: &Shape) -> usize {
    /// A value of the fuzzer's own, four times: a vector doubles, and is held twice while it grows.
    const EACH: usize = 4 * (size_of::<shape::Value>() + 16);
    let elements = if shape.has_free_elements() { bytes + 65_536 } else { bytes };
    (16 << 10) + elements * shape.nodes() * EACH
}

/// A header reads as what was written, or not at all.
fn header(input: &mut Unstructured<'_>) -> Result<()> {
    let mut bytes = some_header(input)?.to_bytes();
    for _ in 0..input.int_in_range(0..=2)? {
        bytes[input.choose_index(HEADER)?] = input.arbitrary()?;
    }
    if let Ok(header) = Header::from_bytes(&bytes) {
        assert_eq!(header.to_bytes(), bytes);
        assert!(fuzz::KINDS.contains(&header.kind) && header.prefix <= header.length);
        assert!(u64::from(header.buffer) <= header.aside);
    }
    Ok(())
}

/// A header of any numbers.
fn some_header(input: &mut Unstructured<'_>) -> Result<Header> {
    Ok(Header {
        kind: input.int_in_range(0..=fuzz::KINDS.end() + 1)?,
        nonce: damage::number(input)?,
        entry: damage::number(input)?,
        length: damage::number(input)?,
        prefix: damage::number(input)?,
        aside: damage::number(input)?,
        descriptors: damage::number(input)? as u32,
        buffer: if input.arbitrary()? { damage::number(input)? as u32 } else { 0 },
        reply_buffer: damage::number(input)?,
    })
}

/// A value of any type comes back as it was; of damaged bytes comes a value that comes back as it was, or none.
fn value(input: &mut Unstructured<'_>) -> Result<()> {
    let shape = Shape::arbitrary(input)?;
    let value = shape.value(&shape, input, &mut 1000)?;
    shape::set(&shape);
    let whole = Typed::new(&shape, &value);
    let mut bytes = match fuzz::encode(&whole, u64::MAX) {
        Ok(bytes) => bytes,
        Err(EncodeError::TooDeep) => return Ok(()),
        Err(error) => panic!("{value:?} cannot be written: {error}"),
    };
    let longest = bytes.len() as u64;
    assert!(fuzz::encode(&whole, longest).is_ok(), "it takes no more than it takes");
    if let Some(less) = longest.checked_sub(1) {
        assert_eq!(fuzz::encode(&whole, less), Err(EncodeError::TooLarge { cap: less }));
    }
    let back = memory::within(bound(bytes.len(), &shape), || fuzz::decode::<Dynamic>(&bytes));
    assert_eq!(back.as_ref(), Ok(&Dynamic(value)), "what was written is what is read");

    damage::bytes(input, &mut bytes)?;
    let Ok(other) = memory::within(bound(bytes.len(), &shape), || fuzz::decode::<Dynamic>(&bytes)) else {
        return Ok(());
    };
    match fuzz::encode(&other, u64::MAX) {
        Ok(again) => assert_eq!(fuzz::decode::<Dynamic>(&again), Ok(other)),
        // A length in more bytes than it needs paid for more elements than it can pay for when it is written right.
        Err(EncodeError::TooMany) => {}
        Err(error) => panic!("{other:?} was read and cannot be written: {error}"),
    }
    Ok(())
}

/// What is sent in several ways: a long block out of band, text, a value of serde's, a descriptor.
type Several = (Vec<u16>, String, u32, Option<File>);

fn read_several(reader: &mut gaol::__private::Reader<'_>) -> std::result::Result<Several, fuzz::DecodeError> {
    Ok((
        (&&&&Way::<Vec<u16>>::NEW).codec().decode(reader)?,
        (&&&&Way::<String>::NEW).codec().decode(reader)?,
        (&&&&Way::<u32>::NEW).codec().decode(reader)?,
        (&&&&Way::<Option<File>>::NEW).codec().decode(reader)?,
    ))
}

/// Writes several values with what goes beside them.
fn write_several(several: &Several, aside: bool) -> std::result::Result<fuzz::Whole, EncodeError> {
    fuzz::write_whole(u64::MAX, aside, |writer| {
        (&&&&Way::<Vec<u16>>::NEW).codec().encode(&several.0, writer)?;
        (&&&&Way::<String>::NEW).codec().encode(&several.1, writer)?;
        (&&&&Way::<u32>::NEW).codec().encode(&several.2, writer)?;
        (&&&&Way::<Option<File>>::NEW).codec().encode(&several.3, writer)
    })
}

fn some_several(input: &mut Unstructured<'_>) -> Result<Several> {
    let long = input.int_in_range(0..=fuzz::BLOCK + 16)?;
    let numbers = vec![input.arbitrary()?; if input.arbitrary()? { long } else { long % 8 }];
    let file = input.arbitrary::<bool>()?.then(|| File::open("/dev/null").expect("it is there"));
    Ok((numbers, input.arbitrary()?, input.arbitrary()?, file))
}

/// Blocks that were sent out of band, and descriptors: all are taken, each once, or what is read is refused.
fn beside(input: &mut Unstructured<'_>) -> Result<()> {
    let several = some_several(input)?;
    let aside = input.arbitrary()?;
    let mut result = Ok(());
    open::leaves_none(|| {
        let several = several;
        let Ok(whole) = write_several(&several, aside) else { return };
        assert_eq!(whole.descriptors.len(), usize::from(several.3.is_some()));
        let read = fuzz::read_whole(whole, read_several).expect("what was written can be read");
        assert_eq!((&read.0, &read.1, read.2), (&several.0, &several.1, several.2));
        assert_eq!(read.3.is_some(), several.3.is_some());
        result = damaged(input, &several, aside);
    });
    result
}

fn damaged(input: &mut Unstructured<'_>, several: &Several, aside: bool) -> Result<()> {
    let Ok(mut whole) = write_several(several, aside) else { return Ok(()) };
    damage::bytes(input, &mut whole.bytes)?;
    let mut held = whole.bytes.len();
    if let Some(beside) = &mut whole.beside {
        // More or less than there should be.
        let length = if input.arbitrary()? { input.int_in_range(0..=2 * fuzz::BLOCK)? } else { beside.bytes.len() };
        beside.bytes.resize(length, 7);
        held += length;
    }
    for _ in 0..input.int_in_range(0..=3)? {
        let null = OwnedFd::from(File::open("/dev/null").expect("it is there"));
        whole.descriptors.push(null.as_fd().try_clone_to_owned().expect("it can be copied"));
    }
    let (had_aside, had) =
        (whole.beside.as_ref().is_some_and(|beside| !beside.bytes.is_empty()), whole.descriptors.len());
    // Every block is as long as it says, and says no more than there is.
    if let Ok(read) = memory::within((16 << 10) + 3 * held, || fuzz::read_whole(whole, read_several)) {
        assert_eq!(usize::from(read.3.is_some()), had, "every descriptor was named");
        assert!(
            !had_aside || read.0.len() * 2 >= fuzz::BLOCK || read.1.len() >= fuzz::BLOCK,
            "what is aside was taken"
        );
    }
    Ok(())
}

/// A frame, as a worker that may lie sends it.
struct Frame {
    header: Header,
    payload: Vec<u8>,
    descriptors: usize,
    /// Where it is cut into messages.
    cuts: Vec<usize>,
    /// Nothing in it is a lie.
    honest: bool,
}

const NONCE: u64 = 0x1122_3344_5566_7788;
const ENTRY: u64 = 99;

fn some_frame(input: &mut Unstructured<'_>, honest: Option<(Vec<u8>, usize)>) -> Result<Frame> {
    let mut kind = fuzz::RETURNED;
    let (mut payload, mut descriptors) = match honest {
        Some(honest) => honest,
        None => {
            kind = input.int_in_range(0..=10)?;
            let count = if input.ratio(1_u8, 4)? { input.int_in_range(0..=70)? } else { 0 };
            (input.arbitrary()?, count)
        }
    };
    if kind == fuzz::ROOM {
        payload = damage::number(input)?.to_le_bytes().to_vec();
    }
    let mut header = Header {
        kind,
        nonce: NONCE,
        entry: ENTRY,
        length: payload.len() as u64,
        prefix: 0,
        aside: 0,
        descriptors: descriptors as u32,
        buffer: 0,
        reply_buffer: 0,
    };
    let right = (header, payload.clone(), descriptors);
    for _ in 0..input.int_in_range(0..=2)? {
        match input.int_in_range(0..=9_u8)? {
            0 => header = some_header(input)?,
            1 => header.nonce ^= input.arbitrary::<u64>()?,
            2 => header.entry ^= input.arbitrary::<u64>()?,
            3 => header.length = damage::number(input)?,
            4 => header.prefix = damage::number(input)?,
            5 => header.aside = damage::number(input)?,
            6 => header.descriptors = damage::number(input)? as u32,
            7 if input.arbitrary()? => header.buffer = damage::number(input)? as u32,
            7 => header.reply_buffer = damage::number(input)?,
            8 => descriptors = input.int_in_range(0..=70)?,
            _ => damage::bytes(input, &mut payload)?,
        }
    }
    // A payload that is damaged may be a value all the same.
    let honest = kind == fuzz::RETURNED && (header, payload.len(), descriptors) == (right.0, right.1.len(), right.2);
    let cuts =
        (0..input.int_in_range(0..=2)?).map(|_| input.choose_index(HEADER + payload.len())).collect::<Result<_>>()?;
    Ok(Frame { header, payload, descriptors, cuts, honest })
}

/// A whole reply, through the exchange itself.
fn reply(input: &mut Unstructured<'_>) -> Result<()> {
    let shape = Shape::arbitrary(input)?;
    let value = shape.value(&shape, input, &mut 200)?;
    shape::set(&shape);
    let several = input.arbitrary::<bool>()?;
    let honest = if several {
        let several = (vec![1; input.int_in_range(0..=64)?], input.arbitrary()?, input.arbitrary()?, None);
        write_several(&several, false).map(|whole| whole.bytes)
    } else {
        fuzz::encode(&Typed::new(&shape, &value), 8 << 10)
    };
    let Ok(honest) = honest else { return Ok(()) };
    let mut frames = Vec::new();
    for _ in 0..input.int_in_range(0..=2)? {
        frames.push(some_frame(input, None)?);
    }
    frames.push(some_frame(input, Some((honest, 0)))?);
    if input.ratio(1_u8, 8)? {
        frames.push(some_frame(input, None)?);
    }
    let written: Vec<(Vec<u8>, &Frame)> =
        frames.iter().map(|frame| ([&frame.header.to_bytes()[..], &frame.payload].concat(), frame)).collect();
    let mut messages = Vec::new();
    for (bytes, frame) in &written {
        // A header comes by itself at the least: what is read at once is no more than was announced.
        let mut cuts = frame.cuts.clone();
        cuts.extend([HEADER, bytes.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut at = 0;
        for cut in cuts.into_iter().filter(|cut| *cut > 0) {
            messages.push(Message { bytes: &bytes[at..cut], descriptors: if at == 0 { frame.descriptors } else { 0 } });
            at = cut;
        }
    }
    let status: [u8; 8] = input.arbitrary()?;
    let script = Script {
        messages: &messages,
        status: &status[..if input.ratio(1_u8, 8)? { input.choose_index(8)? } else { 8 }],
        nonce: NONCE,
        entry: ENTRY,
        reply: Some(input.int_in_range(0..=256 << 10)?),
        reply_buffer: if input.arbitrary()? { 256 << 20 } else { 0 },
    };
    let sent: usize = messages.iter().map(|message| message.bytes.len()).sum();
    // What is received grows by doubling; what is out of band is no more than the reply may be.
    let limit = (512 << 10) + 4 * sent + 2 * script.reply.unwrap_or(0) as usize;
    let alone = frames.len() == 1 && frames[0].honest && frames[0].cuts.is_empty();
    open::leaves_none(|| {
        if several {
            let came = memory::within(limit, || {
                fuzz::come_of::<gaol::Result<Several>>(
                    &script,
                    |reader| {
                        let several = read_several(reader)?;
                        reader.end().map(|()| several)
                    },
                    &errors(),
                )
            });
            judge(came, &frames, alone, &script);
        } else {
            let came = memory::within(limit + bound(sent, &shape), || {
                fuzz::come_of::<gaol::Result<Dynamic>>(
                    &script,
                    |reader| {
                        let value = (&&&&Way::<Dynamic>::NEW).codec().decode(reader)?;
                        reader.end().map(|()| value)
                    },
                    &errors(),
                )
            });
            judge(came, &frames, alone, &script);
        }
    });
    Ok(())
}

fn errors() -> ErrorCodec<gaol::Error> {
    (&&&ErrorType::<gaol::Error>::NEW).codec()
}

/// A value comes only of frames that say nothing wrong; an honest reply that is alone gets through.
fn judge<T>(came: std::io::Result<Came<T, gaol::Error>>, frames: &[Frame], alone: bool, script: &Script<'_>) {
    // The script itself is too long for a socket.
    let Ok(came) = came else { return };
    match came {
        Came::Value(_) => {
            assert!(frames.iter().any(|frame| frame.honest || frame.header.aside > 0 || frame.header.descriptors > 0))
        }
        Came::Stopped(why) => panic!("nothing stops a call whose worker is gone: {why}"),
        Came::NeverBegan => panic!("it was sent"),
        Came::Unbelievable(problem) if alone => {
            let length = frames[0].header.length;
            assert!(length > script.reply.unwrap_or(u64::MAX), "an honest reply is not believed: {problem}");
        }
        Came::Ended if alone => panic!("an honest reply was not read"),
        _ => {}
    }
}

//! How arguments, results and errors cross between the application and a worker.

mod selection;

use std::any::type_name;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fmt::Display;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use crate::error::{Error, FunctionError, Words};
use crate::function::entry::{Entry, Purpose, Reply, Request};
use crate::protocol::codec::{BlockSink, Budget, DecodeError, EncodeError, Reader, Set, Writer};
use crate::protocol::descriptors::HandingOut;
use crate::protocol::{HEADER, Kind, codec, descriptors};
use crate::sys::os::shared::SharedReader;

pub use crate::function::transfer::selection::{
    Codec, OptionCodec, Place, Returns, Way, WayOfBlocks, WayOfDescriptors, WayOfNothing, WayOfSerde, assert_known,
};

/// What a sandboxed function may return.
#[diagnostic::on_unimplemented(
    message = "a sandboxed call can fail, so the function must return `Result<T, E>` with `T` serde's and `E: From<gaol::Error>`, not `{Self}`",
    label = "`Result<T, E>` belongs here, or `gaol::Result<T>` for short",
    note = "`T` must implement `serde::Serialize` and `serde::Deserialize`, or be a descriptor such as `File`, to cross from the child; `E` must implement `From<gaol::Error>`"
)]
pub trait Returned: Sized {
    /// What the function returns when it succeeds.
    type Ok;
    /// Its error.
    type Err: From<Error>;

    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
    #[doc(hidden)]
    fn from_result(result: Result<Self::Ok, Self::Err>) -> Self;
}

impl<T, E: From<Error>> Returned for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }

    fn from_result(result: Self) -> Self {
        result
    }
}

/// The owned form in which a borrowed parameter is received, and how it is lent to the function.
pub trait Sent {
    /// What is received.
    type Owned;
    /// Lends what was received.
    fn lend(owned: &Self::Owned) -> &Self;
}

impl<T> Sent for T {
    type Owned = T;
    fn lend(owned: &T) -> &T {
        owned
    }
}

impl<T> Sent for [T] {
    type Owned = Vec<T>;
    fn lend(owned: &Vec<T>) -> &[T] {
        owned
    }
}

impl Sent for str {
    type Owned = String;
    fn lend(owned: &String) -> &str {
        owned
    }
}

impl Sent for Path {
    type Owned = PathBuf;
    fn lend(owned: &PathBuf) -> &Path {
        owned
    }
}

impl Sent for OsStr {
    type Owned = OsString;
    fn lend(owned: &OsString) -> &OsStr {
        owned
    }
}

impl Sent for CStr {
    type Owned = CString;
    fn lend(owned: &CString) -> &CStr {
        owned
    }
}

/// How errors of type `E` cross. Chosen by what `E` implements: see [`ErrorType`].
#[derive(Debug)]
pub struct ErrorCodec<E> {
    encode: fn(&E, u64) -> Reply,
    decode: fn(&[u8], Budget) -> Result<E, DecodeError>,
}

/// Picks the codec of an error type by autoref: `(&&&ErrorType::<E>::NEW).codec()` finds serde first, then
/// `std::error::Error`, then `Display`.
#[derive(Debug)]
pub struct ErrorType<E>(PhantomData<fn() -> E>);

impl<E> ErrorType<E> {
    /// The only value.
    pub const NEW: Self = Self(PhantomData);
}

/// An error type that is serde's is sent whole.
pub trait CodecSerde<E> {
    /// The codec.
    fn codec(&self) -> ErrorCodec<E>;
}

impl<E: Serialize + DeserializeOwned> CodecSerde<E> for &&ErrorType<E> {
    fn codec(&self) -> ErrorCodec<E> {
        ErrorCodec {
            encode: |error, cap| {
                reply(Kind::Failed, cap, |writer| {
                    writer.sealed(error).map_err(|problem| problem.of(ITS_ERROR, type_name::<E>()))
                })
            },
            decode: |bytes, budget| {
                let mut reader = Reader::new(bytes, None, budget);
                let error = reader.sealed().map_err(|problem| problem.of(ITS_ERROR, type_name::<E>()))?;
                reader.end().map(|()| error)
            },
        }
    }
}

/// Any other error is sent as its message and those of its sources.
pub trait CodecError<E> {
    /// The codec.
    fn codec(&self) -> ErrorCodec<E>;
}

impl<E: std::error::Error + 'static> CodecError<E> for &ErrorType<E> {
    fn codec(&self) -> ErrorCodec<E> {
        ErrorCodec { encode: |error, cap| words(&FunctionError::words(error), cap), decode: only_words }
    }
}

/// What is not an error to the standard library (`anyhow::Error`, `Box<dyn Error>`, `String`) is sent as what it displays.
pub trait CodecDisplay<E> {
    /// The codec.
    fn codec(&self) -> ErrorCodec<E>;
}

impl<E: Display + 'static> CodecDisplay<E> for ErrorType<E> {
    fn codec(&self) -> ErrorCodec<E> {
        ErrorCodec {
            encode: |error, cap| {
                // The boxes of the standard library are not errors themselves, but hold one.
                let any: &dyn std::any::Any = error;
                if let Some(error) = any.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>() {
                    return words(&FunctionError::words(error.as_ref()), cap);
                }
                if let Some(error) = any.downcast_ref::<Box<dyn std::error::Error>>() {
                    return words(&FunctionError::words(error.as_ref()), cap);
                }
                // anyhow and eyre print the whole chain in this form; what knows no chain prints its message again.
                let (message, chain) = (error.to_string(), format!("{error:#}"));
                let rest = chain.strip_prefix(&message).and_then(|rest| rest.strip_prefix(": "));
                words(&Words::new(std::iter::once(message.as_str()).chain(rest).map(ToOwned::to_owned).collect()), cap)
            },
            decode: only_words,
        }
    }
}

/// What an error is called that cannot cross.
const ITS_ERROR: &str = "its error";

fn only_words<E>(_bytes: &[u8], _budget: Budget) -> Result<E, DecodeError> {
    Err(DecodeError::custom("an error of this type crosses in words only"))
}

fn words(words: &Words, cap: u64) -> Reply {
    reply(Kind::FailedInWords, cap, |writer| writer.value(&words.parts()))
}

/// Encodes a reply behind room for its header.
fn reply(kind: Kind, cap: u64, write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>) -> Reply {
    let mut frame = vec![0; HEADER];
    match codec::encode_with(&mut frame, cap.saturating_add(HEADER as u64), None, write) {
        Ok(_) => Reply::of(kind, frame),
        Err(error) => unable(&error, cap),
    }
}

/// The reply of a function whose result cannot be sent.
fn unable(error: &EncodeError, cap: u64) -> Reply {
    match error {
        EncodeError::TooLarge { .. } => {
            let reason =
                format!("its result takes more than the {cap} bytes that are allowed; allow more with `reply = …`");
            Reply::new(Kind::Unable, reason.as_bytes())
        }
        other => Reply::new(Kind::Unsendable, other.to_string().as_bytes()),
    }
}

/// The child's side of a call: decodes the arguments, runs the function, encodes what it returns and what it changed.
///
/// Every function has an instance of this, so it holds what depends on the function's types and nothing else: the rest is code that all
/// share, and that a worker has at hand before it is called. The instance is a part of what the attribute generates, closures and all: what a
/// worker comes to for the first time in a call stands together.
#[inline]
pub fn serve<A, R: Returned>(
    request: Request<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<A, DecodeError>,
    body: impl FnOnce(&mut A) -> R,
    write: impl Fn(&R::Ok, &mut A, &mut Writer<'_>) -> Result<(), EncodeError>,
    errors: ErrorCodec<R::Err>,
) -> Reply {
    let Request { arguments, aside, descriptors, reply_buffer, cap, purpose } = request;
    if purpose == Purpose::Visit {
        return Reply::of(Kind::Unable, Vec::new());
    }
    let whole = |reader: &mut Reader<'_>| {
        let arguments = read(reader)?;
        reader.end().map(|()| arguments)
    };
    // What was shared is in the arguments afterwards.
    // The arguments are the application's own, and what they take is under the worker's limit of memory.
    let mut arguments = match read_beside(arguments, aside, descriptors, Budget::UNLIMITED, whole) {
        Ok(arguments) => arguments,
        Err(error) => return undecodable(&error),
    };
    if purpose == Purpose::Check {
        return Reply::of(Kind::Returned, Vec::new());
    }
    match body(&mut arguments).into_result() {
        Ok(value) => write_result(reply_buffer, cap, |writer| write(&value, &mut arguments, writer)),
        Err(error) => (errors.encode)(&error, cap),
    }
}

/// The reply of a function that cannot be run, for want of its arguments.
fn undecodable(error: &DecodeError) -> Reply {
    let mut payload = vec![u8::from(error.is_of_type())];
    payload.extend_from_slice(error.to_string().as_bytes());
    Reply::new(Kind::Unreadable, &payload)
}

/// Why an entry cannot read its arguments, in the application itself.
///
/// A child may say so that has run the function all the same, and its word would have the caller make the call again. What the application
/// wrote, it can read: that is the type's own code, on the application's own value. What could have changed since then does not count.
pub(crate) fn check(entry: &Entry, request: Request<'_>) -> Option<String> {
    let is_beyond_change = request.aside.is_none();
    let checked = std::panic::catch_unwind(AssertUnwindSafe(|| entry.serve(request))).ok()?;
    let (is_of_type, reason) = checked.frame.get(HEADER..)?.split_first()?;
    let is_certain = checked.kind == Kind::Unreadable && (*is_of_type == 1 || is_beyond_change);
    is_certain.then(|| String::from_utf8_lossy(reason).into_owned())
}

/// Writes the reply of a function that returned.
#[inline]
fn write_result(
    reply_buffer: Option<&mut dyn BlockSink>,
    cap: u64,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Reply {
    let mut frame = vec![0; HEADER];
    let reply_buffer = reply_buffer.map(|reply_buffer| reply_buffer as &mut dyn BlockSink);
    let descriptors = descriptors::collect();
    let written = codec::encode_with(&mut frame, cap.saturating_add(HEADER as u64), reply_buffer, write);
    finish_result(frame, written, descriptors.end(), cap)
}

/// The part of [`write_result`] that is the same for every type.
fn finish_result(frame: Vec<u8>, written: Result<u64, EncodeError>, descriptors: Vec<OwnedFd>, cap: u64) -> Reply {
    match written {
        Ok(aside) => Reply { aside, descriptors, ..Reply::of(Kind::Returned, frame) },
        Err(error) => unable(&error, cap),
    }
}

/// Reads what crossed, with what came beside it.
#[inline]
fn read_beside<T>(
    bytes: &[u8],
    aside: Option<SharedReader>,
    descriptors: Vec<OwnedFd>,
    budget: Budget,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut beside = Beside { aside, _descriptors: descriptors::hand_out(descriptors) };
    let value = read(&mut beside.reader(bytes, budget));
    beside.end();
    value
}

/// What came beside the bytes of a message. What nobody takes of it is let go of.
struct Beside {
    aside: Option<SharedReader>,
    _descriptors: HandingOut,
}

impl Beside {
    fn reader<'a>(&'a mut self, bytes: &'a [u8], budget: Budget) -> Reader<'a> {
        Reader::new(bytes, self.aside.as_mut().map(|aside| aside as &mut dyn Set), budget)
    }

    /// A function of its own, for what it drops is code that not every function needs an instance of.
    #[inline(never)]
    fn end(self) {}
}

/// The arguments of a rehearsal.
pub(crate) const REHEARSED: (u64, &str) = (1, "warm_up");

/// The child's side of a call, without a call: of a function that is gaol's own, and does nothing.
pub(crate) fn warm_up(request: Request<'_>) -> Reply {
    serve::<(u64, String), crate::Result<u64>>(
        request,
        |reader| reader.value(),
        |(number, text)| Ok(*number + text.len() as u64),
        |value, _, writer| writer.value(value),
        ErrorCodec { encode: |error, cap| words(&Words::new(vec![error.to_string()]), cap), decode: only_words },
    )
}

/// The parent's side: what a reply means.
pub(crate) enum Meaning<T, E> {
    Value(T),
    FunctionError(E),
    Words(FunctionError),
    Undecodable(DecodeError),
    /// It was being decoded when the time of the call was over.
    Late,
}

/// What came back whole, in answer to this call.
pub(crate) struct Back {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
    pub(crate) aside: Option<SharedReader>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// When it must be decoded.
    pub(crate) deadline: Option<Instant>,
}

/// Decodes a reply whose frame is whole and answers this call. `reply` is the profile's limit of it.
pub(crate) fn understand<R: Returned>(
    back: Back,
    reply: Option<u64>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<R::Ok, DecodeError>,
    errors: &ErrorCodec<R::Err>,
) -> Meaning<R::Ok, R::Err> {
    let Back { kind, payload, aside, descriptors, deadline } = back;
    let message = payload.len() as u64 + aside.as_ref().map_or(0, Set::left);
    let budget = Budget::of_reply(reply, message, deadline);
    let meaning = match kind {
        Kind::Returned => read_beside(&payload, aside, descriptors, budget, read).map(Meaning::Value),
        Kind::Failed => (errors.decode)(&payload, budget).map(Meaning::FunctionError),
        Kind::FailedInWords => codec::decode_within(&payload, budget)
            .map(|parts| Meaning::Words(FunctionError::from_words(Words::of_parts(parts)))),
        other => return Meaning::Undecodable(DecodeError::custom(format_args!("a {other:?} frame is no result"))),
    };
    meaning.unwrap_or_else(|error| match error {
        DecodeError::Late => Meaning::Late,
        error => Meaning::Undecodable(error),
    })
}

/// The bytes of a value that is serde's, as a result has them: for tests that forge one.
#[cfg(feature = "test-controls")]
pub fn as_sent<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = codec::encode_with(&mut bytes, u64::MAX, None, |writer| writer.sealed(value));
    written.map(|_| bytes).unwrap_or_default()
}

/// Says at compile time, on a parameter's own span, that it cannot cross.
pub fn assert_crosses<T: Serialize + DeserializeOwned>() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a function has that must not run while it is only visited.
    fn serve_nobody(request: Request<'_>) -> Reply {
        serve::<(), crate::Result<()>>(
            request,
            |_| panic!("the arguments are read"),
            |()| panic!("the function runs"),
            |(), (), _| panic!("a result is written"),
            ErrorCodec { encode: |_, _| panic!("an error is written"), decode: only_words },
        )
    }

    #[test]
    fn a_visit_runs_nothing_of_the_function() {
        let reply = serve_nobody(Request::visit());
        assert_eq!((reply.kind, reply.frame, reply.aside, reply.descriptors.len()), (Kind::Unable, Vec::new(), 0, 0));
        let call = Request { purpose: Purpose::Call, ..Request::visit() };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve_nobody(call))).is_err(), "the control");
    }
}

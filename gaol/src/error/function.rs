//! What a function says of its own failure, as it is sent from the child.

use std::fmt;
use std::io;

use super::Call;
use super::text::Harmless;

/// An error that a function returned, and that is not sent as a value: its message, those of its sources, and what the system answered, all as told by
/// the child.
///
/// It is also what [`Error`](super::Error) keeps of an error that the application turned into one with `?`. Only one that a child returned
/// names a [`call`](Self::call).
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionError {
    message: String,
    source: Option<Box<FunctionError>>,
    answer: Answer,
    call: Option<Box<Call>>,
}

/// What the system answered, where one of the errors of a chain is an [`io::Error`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    errno: Option<i32>,
    /// The place of an error kind in [`KINDS`], where there is no errno.
    kind: Option<u8>,
}

/// The kinds of errors that the standard library and others make without an errno.
const KINDS: [io::ErrorKind; 20] = [
    io::ErrorKind::NotFound,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::NotConnected,
    io::ErrorKind::AddrInUse,
    io::ErrorKind::AddrNotAvailable,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::AlreadyExists,
    io::ErrorKind::WouldBlock,
    io::ErrorKind::InvalidInput,
    io::ErrorKind::InvalidData,
    io::ErrorKind::TimedOut,
    io::ErrorKind::WriteZero,
    io::ErrorKind::Interrupted,
    io::ErrorKind::Unsupported,
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::OutOfMemory,
    io::ErrorKind::Other,
];

impl Answer {
    fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let error = error.downcast_ref::<io::Error>()?;
        let kind = KINDS.iter().position(|kind| *kind == error.kind()).and_then(|place| u8::try_from(place).ok());
        let errno = error.raw_os_error();
        Some(Self { errno, kind: kind.filter(|_| errno.is_none()) })
    }
}

/// What is sent of an error that is not sent as a value.
#[derive(Debug)]
pub(crate) struct Words {
    messages: Vec<String>,
    answer: Answer,
}

impl Words {
    /// As they cross: without names, since both halves are gaol's own, and what cannot be read is a child's doing.
    pub(crate) fn parts(&self) -> (&[String], Option<i32>, Option<u8>) {
        (&self.messages, self.answer.errno, self.answer.kind)
    }

    /// What crossed.
    pub(crate) fn of_parts((messages, errno, kind): (Vec<String>, Option<i32>, Option<u8>)) -> Self {
        Self { messages, answer: Answer { errno, kind } }
    }

    /// Of messages without an error.
    pub(crate) fn new(messages: Vec<String>) -> Self {
        Self { messages, answer: Answer::default() }
    }
}

impl FunctionError {
    /// The most messages that are kept: whoever prints or drops the chain goes down it.
    const LONGEST_CHAIN: usize = 64;

    pub(crate) fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::from_words(Self::words(error))
    }

    /// What is sent of an error.
    pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> Words {
        let mut words = Words::new(Vec::new());
        let mut source = Some(error);
        while let Some(cause) = source
            && words.messages.len() < Self::LONGEST_CHAIN
        {
            // What was kept of one already is kept on.
            let kept = match cause.downcast_ref::<super::Error>() {
                Some(super::Error::Function(kept)) => Some(kept),
                _ => cause.downcast_ref::<Self>(),
            };
            words.messages.push(kept.map_or_else(|| cause.to_string(), |kept| kept.message.clone()));
            if words.answer == Answer::default() {
                words.answer = kept.map(|kept| kept.answer).or_else(|| Answer::of(cause)).unwrap_or_default();
            }
            source = cause.source();
        }
        words
    }

    /// An error of the messages of a chain, outermost first.
    pub(crate) fn from_words(words: Words) -> Self {
        let Words { messages, answer } = words;
        let mut chain = None;
        for message in messages.into_iter().take(Self::LONGEST_CHAIN).rev() {
            chain = Some(Box::new(Self { message, source: chain, answer: Answer::default(), call: None }));
        }
        let outermost = chain
            .map_or_else(|| Self { message: String::new(), source: None, answer, call: None }, |outermost| *outermost);
        Self { answer, ..outermost }
    }

    /// The message and those of its sources, outermost first, **as the child said them**: what a terminal takes for commands may be among it.
    /// [`Display`](fmt::Display) and [`Debug`] escape that.
    #[must_use]
    pub fn messages(&self) -> Vec<&str> {
        let mut messages = vec![self.message.as_str()];
        let mut source = self.source.as_deref();
        while let Some(cause) = source {
            messages.push(&cause.message);
            source = cause.source.as_deref();
        }
        messages
    }

    /// The same, as a call returned it.
    pub(crate) fn returned_by(self, call: Call) -> Self {
        Self { call: Some(Box::new(call)), ..self }
    }

    /// What the function said, as it said it: without the function's name, and not made harmless for a terminal.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The call whose function returned the error. `None` for an error of the application's own.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        self.call.as_deref()
    }

    /// What the system answered, where the error or one of its sources is an [`io::Error`] that says so.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.answer.errno
    }

    /// The kind of the [`io::Error`] that the error or one of its sources is.
    #[must_use]
    pub fn io_error_kind(&self) -> Option<io::ErrorKind> {
        match self.answer {
            Answer { errno: Some(errno), .. } => Some(io::Error::from_raw_os_error(errno).kind()),
            Answer { kind, .. } => KINDS.get(usize::from(kind?)).copied(),
        }
    }

    /// Whether the system answered what gaol answers to what a profile does not allow. Programs get these answers without a sandbox, too.
    fn may_be_a_denial(&self) -> bool {
        matches!(self.io_error_kind(), Some(io::ErrorKind::PermissionDenied)) || self.answer.errno == Some(libc::EPERM)
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(call) = &self.call else { return Harmless(&self.message).fmt(f) };
        write!(f, "{call} returned an error: {}", Harmless(&self.message))?;
        if self.may_be_a_denial() {
            f.write_str("; a sandboxed function may do what its profile lists, and nothing else")?;
        }
        Ok(())
    }
}

/// What [`Display`](fmt::Display) says, with the sources: for whoever unwraps it.
impl fmt::Debug for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::with_sources(self, f)
    }
}

impl std::error::Error for FunctionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

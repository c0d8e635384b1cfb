//! Descriptors as values: an application and its sandbox send `Fd<File>` to each other.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::descriptors;

/// A descriptor anywhere inside the arguments or the result of a sandboxed call.
///
/// `T` is anything that is made of an [`OwnedFd`] and lends its descriptor: `File`, `TcpStream`, `TcpListener`, `UdpSocket`, the Unix
/// sockets, `PipeReader` and `PipeWriter`, `ChildStdin` and the like. As a parameter or a result of their own (or in a tuple or an
/// option of them) these cross without `Fd`; inside a struct, a vector or an enum, which serde encodes, `Fd` says how.
///
/// ```
/// use std::fs::File;
/// use std::io::Read;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Job {
///     name: String,
///     input: gaol::Fd<File>,
/// }
///
/// #[gaol::sandboxed]
/// fn count(mut job: Job) -> gaol::Result<u64> {
///     Ok(std::io::copy(&mut *job.input, &mut std::io::sink())?)
/// }
/// ```
///
/// # What is sent
///
/// A copy of the descriptor, close-on-exec: both sides then have one to the same *open file description*. They share its offset and its
/// status flags (`O_APPEND`, `O_NONBLOCK`), so that a child which reads or seeks moves the parent's offset, and a child may change
/// those flags under the parent. To hand over a description of its own, open the file once more: [`Fd::reopened`]. What the
/// description does not allow (writing, for a file that was opened for reading), no copy of it allows. And what it allows, it allows in
/// the sandbox: a datagram socket, connected or not, can send to every address that its network reaches.
///
/// A pipe or memory (memfd) that the child could open again for more, by `/proc/self/fd`, loses the permissions in its mode that the
/// descriptor is not open for; where that cannot be done the call is refused. Memory that is sealed keeps its mode.
///
/// A call takes at most 64 descriptors with it and brings at most 64 back. What comes back beyond those that the result names is closed,
/// and the reply is not believed.
///
/// It is serde's for gaol alone: another format refuses it, for a number in a file is no descriptor.
///
/// # References
///
/// unix(7) (`SCM_RIGHTS`), open(2) on open file descriptions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fd<T>(T);

impl<T> Fd<T> {
    /// Marks something as a descriptor to cross.
    pub const fn new(descriptor: T) -> Self {
        Self(descriptor)
    }

    /// What it holds.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Fd<std::fs::File> {
    /// The same file, opened once more for reading: with an offset and flags of its own, starting at the beginning.
    ///
    /// # Errors
    ///
    /// The kernel's: ENOENT without `/proc`, EACCES if the file may not be read by name any more.
    ///
    /// # References
    ///
    /// proc(5) on `/proc/self/fd`.
    pub fn reopened(file: impl AsFd) -> std::io::Result<Self> {
        use std::os::fd::AsRawFd;
        std::fs::File::open(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())).map(Self)
    }
}

impl<T> From<T> for Fd<T> {
    fn from(descriptor: T) -> Self {
        Self(descriptor)
    }
}

impl<T> Deref for Fd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Fd<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: AsFd> AsFd for Fd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T: fmt::Debug> fmt::Debug for Fd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fd").field(&self.0).finish()
    }
}

impl<T: AsFd> Serialize for Fd<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        descriptors::put(self.0.as_fd()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de, T: From<OwnedFd>> Deserialize<'de> for Fd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        let descriptor = descriptors::take(number).map_err(serde::de::Error::custom)?;
        Ok(Self(T::from(descriptor)))
    }
}

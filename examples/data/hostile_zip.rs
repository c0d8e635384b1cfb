//! Writes zip files as no honest program does: any name, any kind of entry, mebibytes out of kilobytes.

use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress};

/// Modes of entries, as stat(2) has them.
const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_777;
const DEVICE: u32 = 0o020_666;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// An archive in the making.
#[derive(Default)]
pub(crate) struct HostileZip {
    entries: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl HostileZip {
    pub(crate) fn file(self, name: impl AsRef<[u8]>, content: &str) -> Self {
        self.stored(name.as_ref(), FILE, content.as_bytes())
    }

    pub(crate) fn link(self, name: impl AsRef<[u8]>, target: &str) -> Self {
        self.stored(name.as_ref(), LINK, target.as_bytes())
    }

    pub(crate) fn device(self, name: impl AsRef<[u8]>) -> Self {
        self.stored(name.as_ref(), DEVICE, b"")
    }

    /// Zeros, a thousandth of their size. The checksum is wrong, which is found out at their end.
    pub(crate) fn bomb(self, name: impl AsRef<[u8]>, mebibytes: u16) -> Self {
        // A full flush ends on a byte and forgets what was before, so the same bytes say the same again.
        let mut mebibyte = Vec::with_capacity(1 << 13);
        Compress::new(Compression::best(), false)
            .compress_vec(&[0; 1 << 20], &mut mebibyte, FlushCompress::Full)
            .expect("there is room");
        let mut packed = mebibyte.repeat(mebibytes.into());
        packed.extend([3, 0]); // the last block, of nothing
        self.entry(name.as_ref(), FILE, DEFLATED, 0, &packed, u32::from(mebibytes) << 20)
    }

    pub(crate) fn write_to(&self, mut output: impl Write) -> io::Result<()> {
        output.write_all(&self.entries)?;
        output.write_all(&self.directory)?;
        output.write_all(b"PK\x05\x06\0\0\0\0")?;
        output.write_all(&[self.count.to_le_bytes(), self.count.to_le_bytes()].concat())?;
        output.write_all(&[length(&self.directory), length(&self.entries)].concat())?;
        output.write_all(&[0; 2]) // no comment
    }

    fn stored(self, name: &[u8], mode: u32, content: &[u8]) -> Self {
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        self.entry(name, mode, STORED, checksum.sum(), content, content.len() as u32)
    }

    /// An entry stands in the file twice: before its content, and in the directory at the end.
    fn entry(mut self, name: &[u8], mode: u32, method: u16, checksum: u32, packed: &[u8], size: u32) -> Self {
        let version = [20, 0];
        let mut common = vec![0; 2]; // no flags
        common.extend(method.to_le_bytes());
        common.extend([0; 2]); // midnight
        common.extend([0x21, 0]); // on the first day of 1980
        common.extend(checksum.to_le_bytes());
        common.extend(length(packed));
        common.extend(size.to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]); // nothing extra

        self.directory.extend([&b"PK\x01\x02"[..], &[20, 3], &version, &common].concat()); // 3: made by Unix
        self.directory.extend([0; 6]); // no comment, the first disk, bytes
        self.directory.extend((mode << 16).to_le_bytes());
        self.directory.extend(length(&self.entries));
        self.directory.extend(name);

        self.entries.extend([&b"PK\x03\x04"[..], &version, &common, name, packed].concat());
        self.count += 1;
        self
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

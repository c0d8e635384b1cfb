//! What the headers of an ELF file ask of the kernel and of a loader.
//!
//! Only what these two look at is read, the way they do: segments, not sections, and names by their address in memory.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use elf::abi;
use elf::dynamic::DynamicTable;
use elf::endian::{EndianParse, NativeEndian};
use elf::file::{Class, ELF64_EHDR_TAILSIZE, FileHeader, parse_ident};
use elf::parse::ParseAt;
use elf::segment::{ProgramHeader, SegmentTable};

use super::ProgramProblem;
use super::file::RegularFile;

/// The machine that this was compiled for.
const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    abi::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    abi::EM_AARCH64
} else {
    abi::EM_NONE
};
const CLASS: Class = Class::ELF64;

const HEADER: usize = abi::EI_NIDENT + ELF64_EHDR_TAILSIZE;
/// What the kernel reads of program headers.
const MOST_PROGRAM_HEADERS: usize = 65_536;
/// A name with its end, to the kernel and to loaders.
pub(super) const PATH_MAX: usize = libc::PATH_MAX as usize;
/// A list of directories: one for each package that a program was built against is not unheard of.
const LONGEST_SEARCH_PATH: usize = 65_536;
const LARGEST_DYNAMIC_SECTION: usize = 1 << 20;
/// Read at once of a dynamic section, which ends where an entry says so.
const CHUNK: usize = 4096;
/// More than any program has.
pub(super) const MOST_LIBRARIES: usize = 4096;

/// Libraries whose symbols stand in for the object's own. A loader loads them as it does those that are needed.
const DT_AUXILIARY: i64 = 0x7fff_fffd;
const DT_FILTER: i64 = 0x7fff_ffff;

/// An ELF program or library for this machine.
pub(super) struct Elf<'a> {
    file: &'a RegularFile,
    shared: bool,
    segments: Vec<ProgramHeader>,
}

/// What an object asks its loader for.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Names of libraries.
    pub(super) needed: Vec<OsString>,
    /// Directories to look in, for all that are loaded below the object.
    pub(super) rpath: Option<OsString>,
    /// Directories to look in, for what the object itself needs.
    pub(super) runpath: Option<OsString>,
}

/// Whether a file that starts like this means to be ELF.
pub(super) fn is_elf(start: &[u8]) -> bool {
    start.starts_with(&abi::ELFMAGIC)
}

impl<'a> Elf<'a> {
    /// Reads the headers.
    pub(super) fn read(file: &'a RegularFile) -> Result<Self, ProgramProblem> {
        let header = file.read(0, HEADER)?;
        if !is_elf(&header) {
            return Err(ProgramProblem::NotElf);
        }
        let malformed = |_| ProgramProblem::Malformed("its header makes no sense");
        let (ident, tail) =
            header.split_at_checked(abi::EI_NIDENT).ok_or(ProgramProblem::Malformed("it ends within its header"))?;
        if ident[abi::EI_CLASS] != abi::ELFCLASS64 || NativeEndian::from_ei_data(ident[abi::EI_DATA]).is_err() {
            return Err(ProgramProblem::Foreign);
        }
        let header = FileHeader::<NativeEndian>::parse_tail(parse_ident(ident).map_err(malformed)?, tail)
            .map_err(|_| ProgramProblem::Malformed("it ends within its header"))?;
        if header.e_machine != MACHINE {
            return Err(ProgramProblem::Foreign);
        }
        if !matches!(header.e_type, abi::ET_EXEC | abi::ET_DYN) {
            return Err(ProgramProblem::Malformed("it is neither an executable nor a shared object"));
        }
        let size = ProgramHeader::validate_entsize(CLASS, header.e_phentsize.into()).map_err(malformed)?
            * usize::from(header.e_phnum);
        if size == 0 || size > MOST_PROGRAM_HEADERS {
            return Err(ProgramProblem::Malformed("it has no program headers, or more than the kernel reads"));
        }
        let table = file.read(header.e_phoff, size)?;
        if table.len() < size {
            return Err(ProgramProblem::Malformed("it ends within its program headers"));
        }
        let segments = SegmentTable::new(NativeEndian, CLASS, &table).iter().collect();
        Ok(Self { file, shared: header.e_type == abi::ET_DYN, segments })
    }

    /// Whether a loader would map it as a library.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The loader that the kernel starts in its place; none if the program is static.
    pub(super) fn loader(&self) -> Result<Option<PathBuf>, ProgramProblem> {
        let Some(segment) = self.segments.iter().find(|segment| segment.p_type == abi::PT_INTERP) else {
            return Ok(None);
        };
        let malformed = ProgramProblem::Malformed("the name of its loader is not one");
        let Some(size) = usize::try_from(segment.p_filesz).ok().filter(|size| (2..=PATH_MAX).contains(size)) else {
            return Err(malformed);
        };
        let mut name = self.file.read(segment.p_offset, size)?;
        if name.len() < size || name.last() != Some(&0) {
            return Err(malformed);
        }
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or_default());
        Ok(Some(OsString::from_vec(name).into()))
    }

    /// What it asks its loader for.
    pub(super) fn dependencies(&self) -> Result<Dependencies, ProgramProblem> {
        let mut needed = Vec::new();
        let (mut names, mut rpath, mut runpath) = (None, None, None);
        for (tag, value) in self.dynamic_section()? {
            match tag {
                abi::DT_NEEDED | DT_AUXILIARY | DT_FILTER => needed.push(value),
                // Of several, loaders take the last.
                abi::DT_STRTAB => names = Some(value),
                abi::DT_RPATH => rpath = Some(value),
                abi::DT_RUNPATH => runpath = Some(value),
                _ => {}
            }
        }
        if needed.len() > MOST_LIBRARIES {
            return Err(ProgramProblem::Malformed("it names thousands of libraries"));
        }
        let name = |at: u64, longest| {
            let table = names.ok_or(ProgramProblem::Malformed("it names libraries, and has no table of names"))?;
            self.name(table, at, longest)
        };
        Ok(Dependencies {
            needed: needed.into_iter().map(|at| name(at, PATH_MAX)).collect::<Result<_, _>>()?,
            rpath: rpath.map(|at| name(at, LONGEST_SEARCH_PATH)).transpose()?,
            runpath: runpath.map(|at| name(at, LONGEST_SEARCH_PATH)).transpose()?,
        })
    }

    /// Tags and values up to the entry that ends them.
    fn dynamic_section(&self) -> Result<Vec<(i64, u64)>, ProgramProblem> {
        let is_dynamic = |segment: &&ProgramHeader| segment.p_type == abi::PT_DYNAMIC && segment.p_filesz > 0;
        // Of several, loaders take the last.
        let Some(start) = self.segments.iter().rfind(is_dynamic).map(|segment| segment.p_vaddr) else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        for read in (0..LARGEST_DYNAMIC_SECTION).step_by(CHUNK) {
            let chunk = match start.checked_add(read as u64) {
                Some(address) => self.at(address, CHUNK)?,
                None => Vec::new(),
            };
            if read == 0 && chunk.is_empty() {
                return Err(ProgramProblem::Malformed("its dynamic section is in no segment"));
            }
            for entry in DynamicTable::new(NativeEndian, CLASS, &chunk).iter() {
                if entry.d_tag == abi::DT_NULL {
                    return Ok(entries);
                }
                entries.push((entry.d_tag, entry.d_val()));
            }
            if chunk.len() < CHUNK {
                // Behind what the file holds of a segment, memory is zero, which ends the section as well.
                return Ok(entries);
            }
        }
        Err(ProgramProblem::Malformed("its dynamic section is longer than 1 MiB"))
    }

    /// The name at `index` of the table at the address `table`.
    fn name(&self, table: u64, index: u64, longest: usize) -> Result<OsString, ProgramProblem> {
        let mut bytes = match table.checked_add(index) {
            Some(address) => self.at(address, longest)?,
            None => Vec::new(),
        };
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.ok_or(ProgramProblem::Malformed("a name in it has no end, or is too long"))?);
        Ok(OsString::from_vec(bytes))
    }

    /// What is in memory at `address` once the file is loaded, up to the end of what the file holds of that segment.
    fn at(&self, address: u64, at_most: usize) -> Result<Vec<u8>, ProgramProblem> {
        for segment in self.segments.iter().filter(|segment| segment.p_type == abi::PT_LOAD) {
            let Some(within) = address.checked_sub(segment.p_vaddr).filter(|within| *within < segment.p_filesz) else {
                continue;
            };
            let Some(offset) = segment.p_offset.checked_add(within) else { continue };
            let there = usize::try_from(segment.p_filesz - within).unwrap_or(usize::MAX);
            return self.file.read(offset, at_most.min(there));
        }
        Ok(Vec::new())
    }
}

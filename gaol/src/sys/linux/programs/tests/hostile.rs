//! Programs that name what they should not, or ask for more than there is.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::slice;

use elf::ElfBytes;
use elf::abi;
use elf::endian::NativeEndian;
use proptest::collection::vec;
use proptest::prelude::{any, prop_oneof, proptest};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{
    DYNAMIC, LOAD, Scratch, behind, found, linked, loader, needing, object, problem, problem_of_needed, shell,
};
use crate::sys::programs::{ProgramProblem, needs};

#[test]
fn refuses_what_is_no_program() {
    let scratch = Scratch::new();
    assert!(matches!(problem("bin/sh"), ProgramProblem::Relative));
    assert!(matches!(problem("/nowhere"), ProgramProblem::Io(error) if error.kind() == ErrorKind::NotFound));
    assert!(matches!(problem("/etc"), ProgramProblem::NotAFile));
    assert!(matches!(problem("/dev/null"), ProgramProblem::NotAFile));
    for text in ["", "#", "neither", "\u{7f}EL"] {
        assert!(matches!(problem(scratch.program("text", text)), ProgramProblem::UnknownFormat), "{text}");
    }
    let data = scratch.path("data");
    fs::write(&data, shell()).unwrap();
    assert!(matches!(problem(&data), ProgramProblem::NotExecutable));
}

#[test]
fn refuses_a_program_for_another_machine() {
    let scratch = Scratch::new();
    for (at, value) in [(abi::EI_CLASS, abi::ELFCLASS32), (abi::EI_DATA, abi::ELFDATA2MSB), (18, 8)] {
        let mut bytes = shell();
        bytes[at] = value;
        let refused = problem(scratch.program("foreign", bytes));
        assert!(matches!(refused, ProgramProblem::Foreign), "{at}: {refused}");
    }
}

#[test]
fn passes_over_what_is_no_library_in_a_directory() {
    let scratch = Scratch::new();
    for directory in ["text", "foreign", "executable", "pipe", "right"] {
        fs::create_dir(scratch.path(directory)).unwrap();
    }
    let library = linked(None, &[]);
    fs::write(scratch.path("text/name"), "INPUT(/lib/libc.so.6)").unwrap();
    mknodat(CWD, scratch.path("pipe/name"), FileType::Fifo, Mode::from_raw_mode(0o777), 0).unwrap();
    for (name, at, value) in [("right", 18, library[18]), ("foreign", 18, 8), ("executable", 16, 2)] {
        let mut bytes = library.clone();
        bytes[at] = value;
        fs::write(scratch.path(name).join("name"), bytes).unwrap();
    }
    let path =
        "/nowhere:relative::$ORIGIN/text:${ORIGIN}/foreign:$ORIGIN/executable:$ORIGIN/pipe:$ORIGIN/right/:$ORIGINAL";
    for tag in [abi::DT_RPATH, abi::DT_RUNPATH] {
        let program = linked(Some(&loader()), &[(tag, path), (abi::DT_NEEDED, "name"), (abi::DT_NEEDED, "not-there")]);
        assert_eq!(found(scratch.program("program", program)).mapped, [scratch.path("right/name")]);
    }
}

#[test]
fn grants_no_text_as_a_loader_or_a_library() {
    let scratch = Scratch::new();
    let text = scratch.program("text", "not a program");
    for (program, role) in [(linked(Some(&text), &[]), "its loader"), (needing(&text), "its library")] {
        let (what, file, problem) = problem_of_needed(scratch.program("program", program));
        assert_eq!((what, &file), (role, &text));
        assert!(matches!(problem, ProgramProblem::NotElf), "{problem}");
    }
    let (_, _, problem) = problem_of_needed(scratch.program("program", linked(Some(Path::new("/etc/passwd")), &[])));
    assert!(matches!(problem, ProgramProblem::NotExecutable), "{problem}");
}

#[test]
fn grants_a_library_that_is_named_by_its_path() {
    let scratch = Scratch::new();
    let library = scratch.program("library", linked(None, &[]));
    assert_eq!(found(scratch.program("program", needing(&library))).mapped, [library]);
    let by_origin = linked(Some(&loader()), &[(abi::DT_NEEDED, "$ORIGIN/library")]);
    assert_eq!(found(scratch.program("program", by_origin)).mapped, [scratch.path("library")]);
    let gone = found(scratch.program("program", needing(Path::new("/nowhere/library"))));
    assert!(gone.mapped.is_empty(), "the loader will say so: {gone:?}");
}

#[test]
fn refuses_what_is_no_regular_file() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o777), 0).unwrap();
    for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/etc")] {
        // A pipe that were opened would wait for a writer.
        assert!(matches!(problem(path), ProgramProblem::NotAFile), "{}", path.display());
        for program in [linked(Some(path), &[]), needing(path)] {
            let refused = problem_of_needed(scratch.program("program", program));
            assert!(matches!(refused, (_, _, ProgramProblem::NotAFile)), "{refused:?}");
        }
    }
}

#[test]
fn refuses_a_loader_that_is_not_there() {
    let scratch = Scratch::new();
    let refused = problem_of_needed(scratch.program("program", linked(Some(Path::new("relative")), &[])));
    assert!(matches!(refused, ("its loader", _, ProgramProblem::Relative)), "{refused:?}");
    let refused = problem_of_needed(scratch.program("program", linked(Some(Path::new("/nowhere")), &[])));
    assert!(matches!(refused, ("its loader", _, ProgramProblem::Io(_))), "{refused:?}");
    for name in ["", &format!("/{}", "a".repeat(4096))] {
        let refused = problem(scratch.program("program", linked(Some(Path::new(name)), &[])));
        assert!(matches!(refused, ProgramProblem::Malformed("the name of its loader is not one")), "{refused:?}");
    }
}

#[test]
fn says_what_is_wrong_with_which_file() {
    let scratch = Scratch::new();
    let program = scratch.program("program", linked(Some(Path::new("/etc")), &[]));
    let script = scratch.program("script", format!("#!{}\n", program.display()));
    let expected = format!(
        "its interpreter {}: its loader /etc: it is not a regular file; expected one that holds a program",
        program.display()
    );
    assert_eq!(problem(script).to_string(), expected);
}

#[test]
fn refuses_more_than_a_program_asks_for() {
    let scratch = Scratch::new();
    let library = scratch.path("library");
    let program = scratch.program("program", needing(&library));
    let many = |count: usize| {
        let mut dynamic = vec![(abi::DT_STRTAB, behind(count + 2))];
        dynamic.extend((0..count as u64).map(|_| (abi::DT_NEEDED, 0)));
        dynamic.push((abi::DT_NULL, 0));
        object(None, &dynamic, b"same\0")
    };
    let refused = |bytes: Vec<u8>| {
        fs::write(&library, bytes).unwrap();
        match needs(&program) {
            Ok(needs) => {
                assert_eq!(needs.mapped, slice::from_ref(&library));
                None
            }
            Err(ProgramProblem::Needed { what: "its library", problem, .. }) => match *problem {
                ProgramProblem::Malformed(why) => Some(why),
                other => panic!("{other}"),
            },
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(refused(many(4096)), None);
    assert_eq!(refused(many(4097)), Some("it names thousands of libraries"));
    assert_eq!(refused(many(70_000)), Some("its dynamic section is longer than 1 MiB"));
    assert_eq!(refused(object(None, &[(1, 0), (0, 0)], &[])), Some("it names libraries, and has no table of names"));
    let unending = Some("a name in it has no end, or is too long");
    let named =
        |name: &[u8]| object(None, &[(abi::DT_STRTAB, behind(3)), (abi::DT_NEEDED, 0), (abi::DT_NULL, 0)], name);
    assert_eq!(refused(named(b"unending")), unending);
    assert_eq!(refused(named(&[[b'a'; 4096].as_slice(), b"\0"].concat())), unending);
    assert_eq!(refused(object(None, &[(abi::DT_STRTAB, u64::MAX), (abi::DT_NEEDED, 5), (0, 0)], &[])), unending);
    let with = |at: usize, value: u64| {
        let mut bytes = named(b"x\0");
        bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        bytes
    };
    assert_eq!(refused(with(DYNAMIC + 16, u64::MAX)), Some("its dynamic section is in no segment"));
    assert_eq!(refused(with(LOAD + 8, u64::MAX)), Some("its dynamic section is in no segment"));
    assert_eq!(refused(with(32, u64::MAX)), Some("it ends within its program headers"));
    assert_eq!(refused(with(LOAD + 32, u64::MAX)), None, "what the file does not hold is not read");
}

#[test]
fn refuses_a_search_without_end() {
    let scratch = Scratch::new();
    let library = scratch.path("library");
    let program = scratch.program("program", needing(&library));

    let directories = |count: usize| (0..count).map(|number| format!("$ORIGIN/{number}:")).collect::<String>() + "\0";
    (0..4097).for_each(|number| fs::create_dir(scratch.path(&number.to_string())).unwrap());
    let dynamic = [(abi::DT_STRTAB, behind(3)), (abi::DT_RPATH, 0), (abi::DT_NULL, 0)];
    fs::write(&library, object(None, &dynamic, directories(4000).as_bytes())).unwrap();
    assert_eq!(found(&program).mapped, slice::from_ref(&library));
    fs::write(&library, object(None, &dynamic, directories(4097).as_bytes())).unwrap();
    assert!(matches!(problem(&program), ProgramProblem::TooMuch("4096 directories of libraries")));

    // Each names 4096 libraries: the ends of one long name.
    let other = scratch.path("other");
    let names = |letter: u8, other: &Path| {
        let mut dynamic = vec![(abi::DT_STRTAB, behind(4097))];
        dynamic.extend((1..4096).map(|start| (abi::DT_NEEDED, start)));
        dynamic.push((abi::DT_NEEDED, 4097));
        let other = other.as_os_str().as_encoded_bytes();
        object(None, &dynamic, &[[letter; 4096].as_slice(), b"\0", other, b"\0"].concat())
    };
    fs::write(&other, names(b'a', Path::new("a"))).unwrap();
    fs::write(&library, linked(None, &[])).unwrap();
    let program = scratch.program("program", needing(&other));
    assert_eq!(found(&program).mapped, slice::from_ref(&other));
    fs::write(&library, names(b'b', &other)).unwrap();
    let program = scratch.program("program", needing(&library));
    assert!(matches!(problem(&program), ProgramProblem::TooMuch("4096 libraries")));
}

#[test]
fn survives_a_program_cut_off_anywhere() {
    let scratch = Scratch::new();
    let program = scratch.program("program", &shell()[..4096]);
    let file = File::options().write(true).open(&program).unwrap();
    for end in (0..4096).rev() {
        file.set_len(end).unwrap();
        let refused = problem(&program);
        if end < 4 {
            assert!(matches!(refused, ProgramProblem::UnknownFormat), "{end}: {refused}");
        } else {
            assert!(matches!(refused, ProgramProblem::Malformed(_)), "{end}: {refused}");
        }
    }
}

/// Where the headers of the shell are: the first bytes, and its dynamic section.
fn dynamic_section(bytes: &[u8]) -> usize {
    let elf = ElfBytes::<NativeEndian>::minimal_parse(bytes).unwrap();
    let dynamic = elf.segments().unwrap().iter().find(|segment| segment.p_type == abi::PT_DYNAMIC);
    usize::try_from(dynamic.unwrap().p_offset).unwrap()
}

proptest! {
    #[test]
    fn survives_damaged_headers(damage in vec((prop_oneof![0..64_usize, 64..1024_usize, 4096..4700_usize], any::<u8>()), 1..8)) {
        let mut bytes = shell();
        let section = dynamic_section(&bytes);
        for (at, value) in damage {
            bytes[if at < 4096 { at } else { section + at - 4096 }] = value;
        }
        let scratch = Scratch::new();
        let program = scratch.program("program", bytes);
        if let Ok(needs) = needs(&program) {
            for mapped in needs.mapped {
                assert!(fs::read(&mapped).unwrap().starts_with(&abi::ELFMAGIC), "{}", mapped.display());
            }
        }
    }
}

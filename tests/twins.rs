//! Functions of one name, place and signature are each themselves: macros that repeat make them, and files that are included twice.

use std::io::ErrorKind;

use gaol::{Error, Layer, sandboxed};

macro_rules! reader { ($($n:ident: $d:literal),*) => { $( struct $n; impl $n { fn read(p: &str) -> gaol::Result<String> {
    #[gaol::sandboxed(read = $d)] fn imp(p: &str) -> gaol::Result<String> { Ok(std::fs::read_to_string(p)?) } imp(p) } } )* } }
reader!(Public: "/etc/apt", Private: "/etc/ssl");

/// The file was refused as what is not there is, or what must not be opened.
#[track_caller]
fn is_refused(result: gaol::Result<String>, kind: ErrorKind) {
    let errno = if kind == ErrorKind::NotFound { libc::ENOENT } else { libc::EACCES };
    match result {
        Err(Error::Function(error)) => {
            assert_eq!(error.message(), std::io::Error::from_raw_os_error(errno).to_string())
        }
        other => panic!("expected a refusal, not {:?}", other.map(|text| text.len())),
    }
}

/// The example of the report, in both orders and tiers.
#[test]
fn neither_of_two_reads_what_the_other_may() {
    const OF_PRIVATE: &str = "/etc/ssl/openssl.cnf";
    const OF_PUBLIC: &str = "/etc/apt/sources.list.d/../apt.conf.d/../../apt/trusted.gpg.d";
    for (layers, refusal) in [(&[][..], ErrorKind::NotFound), (&[Layer::Namespaces], ErrorKind::PermissionDenied)] {
        let _without = gaol::controls::without(layers);
        for _ in 0..3 {
            assert!(!Private::read(OF_PRIVATE).expect("its own").is_empty());
            is_refused(Public::read(OF_PRIVATE), refusal);
            // A directory is opened, and read as a file only then.
            match Public::read(OF_PUBLIC) {
                Err(Error::Function(error)) => assert!(error.to_string().contains("os error 21"), "{error}"),
                other => panic!("expected EISDIR, not {other:?}"),
            }
            is_refused(Private::read(OF_PUBLIC), refusal);
        }
    }
}

/// Functions that a macro makes by way of another macro, with the numbers that they give and the memory that they may have.
macro_rules! outer {
    ($($name:ident: $number:literal, $memory:literal;)*) => {
        $(inner!($name: $number, $memory);)*
    };
}

macro_rules! inner {
    ($name:ident: $number:literal, $memory:literal) => {
        struct $name;

        impl $name {
            fn call(bytes: usize) -> gaol::Result<(u32, usize)> {
                #[sandboxed(memory = $memory)]
                fn made(bytes: usize) -> gaol::Result<(u32, usize)> {
                    let mut memory: Vec<u8> = Vec::new();
                    memory.try_reserve_exact(bytes).map_err(|error| error.to_string())?;
                    memory.resize(bytes, 1);
                    Ok(($number, memory.len()))
                }
                made(bytes)
            }

            fn kept() -> gaol::Result<u32> {
                #[sandboxed(memory = $memory, process = "reused")]
                fn made_to_stay() -> gaol::Result<u32> {
                    Ok($number)
                }
                made_to_stay()
            }

            fn of_its_own() -> gaol::Result<u32> {
                #[sandboxed(memory = $memory, process = "exec")]
                fn made_alone() -> gaol::Result<u32> {
                    Ok($number)
                }
                made_alone()
            }

            fn computed(memory: u64) -> gaol::Result<u32> {
                #[sandboxed(memory = memory)]
                fn made_at_the_call(memory: u64) -> gaol::Result<u32> {
                    Ok($number + u32::from(memory == 0))
                }
                made_at_the_call(memory)
            }
        }
    };
}

outer! {
    Small: 1, "16MiB";
    Large: 2, "512MiB";
    Middle: 3, "128MiB";
}

#[test]
fn macros_in_macros_make_functions_of_their_own() {
    for _ in 0..3 {
        assert_eq!(Small::call(1).expect("a call"), (1, 1));
        assert_eq!(Large::call(1).expect("a call"), (2, 1));
        assert_eq!(Middle::call(1).expect("a call"), (3, 1));
    }
}

#[test]
fn limits_are_not_exchanged() {
    const MIB: usize = 1 << 20;
    let runs_out = |result: gaol::Result<_>| assert!(result.is_err(), "{result:?}");
    for _ in 0..2 {
        assert_eq!(Large::call(256 * MIB).expect("within its limit"), (2, 256 * MIB));
        runs_out(Small::call(64 * MIB));
        assert_eq!(Middle::call(64 * MIB).expect("within its limit"), (3, 64 * MIB));
        runs_out(Middle::call(256 * MIB));
        assert_eq!(Small::call(MIB).expect("within its limit"), (1, MIB));
    }
}

#[test]
fn kept_and_executed_workers_and_computed_profiles_are_not_exchanged() {
    for _ in 0..3 {
        assert_eq!([Small::kept(), Large::kept(), Middle::kept()].map(|result| result.expect("a call")), [1, 2, 3]);
        let computed = [Small::computed(64 << 20), Large::computed(64 << 20), Middle::computed(64 << 20)];
        assert_eq!(computed.map(|result| result.expect("a call")), [1, 2, 3]);
    }
    let alone = [Small::of_its_own(), Large::of_its_own(), Middle::of_its_own()];
    assert_eq!(alone.map(|result| result.expect("a call")), [1, 2, 3]);
}

/// Two instances of one file, in one module.
fn first_include() -> gaol::Result<u32> {
    const WHICH: u32 = 1;
    include!("twins/included.in")
}

fn second_include() -> gaol::Result<u32> {
    const WHICH: u32 = 2;
    include!("twins/included.in")
}

#[test]
fn a_file_that_is_included_twice_makes_functions_of_their_own() {
    for _ in 0..3 {
        assert_eq!((first_include().expect("a call"), second_include().expect("a call")), (1, 2));
    }
}

/// Both have profiles that cannot be entered here.
macro_rules! missing {
    ($($name:ident: $path:literal),*) => {$(
        fn $name() -> gaol::Result<()> {
            #[sandboxed(read = $path)]
            fn reads_what_is_missing() -> gaol::Result<()> {
                Ok(())
            }
            reads_what_is_missing()
        }
    )*};
}

missing!(misses_one: "/nowhere/one", misses_another: "/nowhere/another");

#[test]
fn prepare_and_profiles_list_each() {
    let unprepared = gaol::prepare().expect_err("two profiles name what is not there").to_string();
    for (function, path) in [(misses_one as fn() -> _, "/nowhere/one"), (misses_another, "/nowhere/another")] {
        assert!(unprepared.contains(path), "{unprepared}");
        assert!(function().expect_err("it is missing").to_string().contains(path));
    }
    let of = |name: &str| -> Vec<String> {
        let named = gaol::profiles().filter(|entry| entry.name().ends_with(name));
        named.map(|entry| entry.profile().to_string()).collect()
    };
    let listed = of("::reads_what_is_missing");
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[0].contains("/nowhere/one") && listed[1].contains("/nowhere/another"), "{listed:?}");
    let made = of("::made");
    assert_eq!(made.len(), 3, "{made:?}");
    let described = |entry: &gaol::Entry| (entry.name(), entry.file(), entry.line(), entry.column());
    let all: Vec<_> = gaol::profiles().filter(|entry| entry.name().ends_with("::made")).map(described).collect();
    assert!(all.iter().all(|one| *one == all[0]), "they are described alike, or this shows nothing: {all:?}");
}

//! Programs of this system and of its compiler, against what the kernel and the loader do with them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;

use elf::abi;

use super::{SHELL, Scratch, found, is_musl, linked, loader, problem, problem_of_needed, real, run};
use crate::sys::programs::{Needs, ProgramProblem, needs};

/// The files that the loader says it maps, by their real paths.
fn loaded(program: &Path) -> Option<BTreeSet<PathBuf>> {
    let loader = needs(program).ok()?.executed.into_iter().nth(1)?;
    let ended = run(Command::new(loader).arg("--list").arg(program)).unwrap();
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("libc."), "{}: {text}{}", program.display(), String::from_utf8_lossy(&ended.stderr));
    // `name => path (address)`, or `path (address)`; what comes from the kernel has no path.
    let paths = text.lines().filter_map(|line| line.split(" => ").last()?.trim().split(" (").next());
    Some(paths.filter(|path| path.starts_with('/')).map(|path| fs::canonicalize(path).unwrap()).collect())
}

fn assert_covers_what_is_loaded(program: &Path) {
    let Some(loaded) = loaded(program) else {
        println!("skipped: {} is no dynamic program here", program.display());
        return;
    };
    let needs = found(program);
    let granted: BTreeSet<PathBuf> = real(&needs.executed).union(&real(&needs.mapped)).cloned().collect();
    let missing: Vec<_> = loaded.difference(&granted).collect();
    assert!(missing.is_empty(), "{}: {missing:?} is loaded", program.display());
}

#[test]
fn finds_the_loader_and_the_c_library_of_the_shell() {
    let needs = found(SHELL);
    assert_eq!(needs.executed[0], Path::new(SHELL));
    let [_, loader] = needs.executed.as_slice() else { panic!("{needs:?}") };
    assert!(loader.file_name().unwrap().to_str().unwrap().starts_with("ld-"), "{needs:?}");
    for path in needs.executed.iter().chain(&needs.mapped).chain(&needs.read) {
        assert!(path.is_absolute() && path.is_file(), "{}", path.display());
    }
    let list = Path::new("/etc/ld.so.cache");
    assert_eq!(needs.read.iter().any(|path| path == list), !is_musl() && list.exists(), "{needs:?}");
}

#[test]
fn covers_what_the_loader_loads() {
    let programs = ["/bin/sh", "/bin/tar", "/usr/bin/env", "/usr/bin/python3", "/usr/bin/perl", "/usr/bin/git"];
    for program in programs.map(Path::new).into_iter().chain([std::env::current_exe().unwrap().as_path()]) {
        if program.exists() {
            assert_covers_what_is_loaded(program);
        } else {
            println!("skipped: {} is not there", program.display());
        }
    }
}

#[test]
fn needs_nothing_for_a_static_program() {
    let scratch = Scratch::new();
    for arguments in [&["-static"][..], &["-static-pie"]] {
        let Some(program) = scratch.compiled("static", "int main(void) { return 0; }", arguments) else { continue };
        assert_eq!(found(&program), Needs { executed: vec![program], mapped: vec![], read: vec![] }, "{arguments:?}");
    }
}

#[test]
fn finds_libraries_by_rpath_and_runpath() {
    let scratch = Scratch::new();
    let inner = scratch.compiled("two/libtwo.so", "int two(void) { return 2; }", &["-shared", "-fPIC"]);
    for (name, tags) in [("rpath", "-Wl,--disable-new-dtags"), ("runpath", "-Wl,--enable-new-dtags")] {
        for (case, outer_path, program_path) in [
            ("each", "-Wl,-rpath,$ORIGIN/../two", "-Wl,-rpath,${ORIGIN}/../one"),
            ("above", "", "-Wl,-rpath,$ORIGIN/../one:$ORIGIN/../two"),
        ] {
            let outer = "int two(void); int one(void) { return two(); }";
            let outer =
                scratch.compiled("one/libone.so", outer, &["-shared", "-fPIC", tags, outer_path, "-Ltwo", "-ltwo"]);
            let source = "int one(void); int main(void) { return one(); }";
            let allowed = "-Wl,--allow-shlib-undefined";
            let arguments = [tags, program_path, allowed, "-Lone", "-lone"];
            let program = scratch.compiled(&format!("bin/{name}-{case}"), source, &arguments);
            let (Some(inner), Some(outer), Some(program)) = (&inner, outer, program) else { return };
            assert_covers_what_is_loaded(&program);
            let mapped = found(&program).mapped;
            assert!(real(&mapped).contains(&outer), "{mapped:?}");
            // In glibc, RUNPATH is for the object's own needs alone.
            let reaches = case == "each" || name == "rpath" || is_musl();
            assert_eq!(real(&mapped).contains(inner), reaches, "{name} {case}: {mapped:?}");

            // The origin of a program is where it really is, whatever link it is started by.
            let link = scratch.path(&format!("{name}-{case}"));
            symlink(&program, &link).unwrap();
            assert_eq!(found(&link).mapped, mapped);
            assert_eq!(run(&mut Command::new(link)).unwrap().status.code() == Some(2), reaches, "{name} {case}");
        }
    }
}

#[test]
fn finds_what_a_better_processor_gets() {
    if is_musl() || !cfg!(target_arch = "x86_64") {
        println!("skipped: no loader here has any");
        return;
    }
    let scratch = Scratch::new();
    let library = "int one(void) { return 1; }";
    for name in ["lib/libone.so", "lib/glibc-hwcaps/x86-64-v2/libone.so"] {
        scratch.compiled(name, library, &["-shared", "-fPIC"]);
    }
    let source = "int one(void); int main(void) { return one(); }";
    let program = scratch.compiled("bin", source, &["-Wl,-rpath,$ORIGIN/lib", "-Llib", "-lone"]).unwrap();
    assert_covers_what_is_loaded(&program);
    let mapped = found(&program).mapped;
    assert!(mapped.contains(&scratch.path("lib/libone.so")), "{mapped:?}");
    assert!(mapped.contains(&scratch.path("lib/glibc-hwcaps/x86-64-v2/libone.so")), "{mapped:?}");
}

#[test]
fn follows_a_script_to_its_interpreter() {
    let scratch = Scratch::new();
    let script = scratch.program("script", "#! /bin/sh -e\nexit 0\n");
    let (needs, of_shell) = (found(&script), found(SHELL));
    assert_eq!(needs.executed, [slice::from_ref(&script), of_shell.executed.as_slice()].concat());
    assert_eq!(needs.mapped, of_shell.mapped);
    assert!(needs.read.contains(&script), "its interpreter reads it");

    let refused = problem_of_needed(scratch.program("script", "#!bin/sh\n"));
    assert!(matches!(refused, ("its interpreter", _, ProgramProblem::Relative)), "{refused:?}");
    let refused = problem_of_needed(scratch.program("script", "#!/etc/passwd\n"));
    assert!(matches!(refused, ("its interpreter", _, ProgramProblem::NotExecutable)), "{refused:?}");
    assert!(matches!(problem(scratch.program("script", "#!\n")), ProgramProblem::NoInterpreter));
}

#[test]
fn finds_what_env_starts() {
    let scratch = Scratch::new();
    let needs = found(scratch.program("script", "#!/usr/bin/env sh\n"));
    for path in ["/usr/bin/env", "/bin/sh"].map(Path::new).into_iter().chain([loader().as_path()]) {
        assert!(needs.executed.iter().any(|executed| executed == path), "{} in {needs:?}", path.display());
    }
    assert!(real(&needs.mapped).is_superset(&real(&found("/usr/bin/env").mapped)));
    assert!(real(&needs.mapped).is_superset(&real(&found(SHELL).mapped)));
    // What is not there is left to `env` to report.
    assert_eq!(found(scratch.program("script", "#!/usr/bin/env not-there\n")).executed.len(), 3);
}

#[test]
fn follows_as_many_scripts_as_the_kernel() {
    let scratch = Scratch::new();
    let mut interpreter = PathBuf::from("/bin/true");
    for depth in 1..8 {
        interpreter = scratch.program(&depth.to_string(), format!("#!{}\n", interpreter.display()));
        match run(&mut Command::new(&interpreter)) {
            Ok(ended) => {
                assert!(ended.status.success(), "{depth}: {ended:?}");
                assert_eq!(found(&interpreter).read.len(), depth + found("/bin/true").read.len());
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::ELOOP), "{depth}: {error}");
                let refused = problem_of_needed(&interpreter);
                assert!(matches!(refused.2, ProgramProblem::TooManyScripts), "{depth}: {refused:?}");
            }
        }
    }
    let itself = scratch.path("itself");
    scratch.program("itself", format!("#!{}\n", itself.display()));
    assert!(matches!(problem_of_needed(&itself).2, ProgramProblem::TooManyScripts));
}

#[test]
fn looks_where_musl_does() {
    let scratch = Scratch::new();
    for directory in ["lib", "etc", "listed", "inherited"] {
        fs::create_dir(scratch.path(directory)).unwrap();
    }
    let name = format!("lib/ld-musl-{}.so.1", std::env::consts::ARCH);
    let musl = scratch.program(&name, linked(None, &[]));
    let glibc = scratch.program("lib/ld-linux.so.2", linked(None, &[]));
    let list = scratch.path("etc").join(format!("ld-musl-{}.path", std::env::consts::ARCH));
    fs::write(&list, format!("/nowhere:relative\n{}\n", scratch.path("listed").display())).unwrap();
    let upper = linked(None, &[(abi::DT_RUNPATH, "$ORIGIN/inherited"), (abi::DT_NEEDED, "$ORIGIN/lower")]);
    let upper = scratch.program("upper", upper);
    let lower = scratch.program("lower", linked(None, &[(abi::DT_NEEDED, "inherited"), (abi::DT_NEEDED, "listed")]));
    let inherited = scratch.program("inherited/inherited", linked(None, &[]));
    let listed = scratch.program("listed/listed", linked(None, &[]));

    let of = |loader| found(scratch.program("program", linked(Some(loader), &[(abi::DT_NEEDED, "$ORIGIN/upper")])));
    let needs = of(&musl);
    assert_eq!(needs.mapped, [inherited, listed, lower.clone(), upper.clone()]);
    assert_eq!(needs.read, slice::from_ref(&list));
    // glibc's loader knows no such list, and keeps a RUNPATH to the object that has it.
    assert_eq!(of(&glibc).mapped, [lower, upper]);

    fs::remove_file(list).unwrap();
    let needs = of(&musl);
    assert_eq!((needs.mapped.len(), needs.read.len()), (3, 0), "without a list it looks in /lib: {needs:?}");
}

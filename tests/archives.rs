//! A hostile archive that careless code unpacks in a sandbox gets nowhere: what `examples/inspect_archive.rs` shows, claim by claim.

#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod tiers;
}

mod archives {
    mod modes_and_times;
}

#[path = "../examples/inspect_archive.rs"]
#[allow(dead_code, reason = "an example is a program of its own")]
mod inspect_archive;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaol::{Error, Layer};

use inspect_archive::hostile_zip::HostileZip;
use inspect_archive::witness::{Witness, aims};
use inspect_archive::{Kind, add_escapes, extract, list, search, sweep, unpack, verify};
use support::alone::{Alone, User};
use support::place::Place;

/// In both tiers; told which.
fn in_each_tier(test: impl Fn(char)) {
    test('A');
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test('B');
}

/// A directory with an archive, a file that is none of its business, and a directory to unpack to.
struct Scene {
    place: Place,
    archive: File,
}

impl Scene {
    fn new(archive: impl FnOnce(HostileZip, &Path) -> HostileZip) -> Self {
        let place = Place::new("archives");
        std::fs::write(place.path().join("victim"), "as it was").expect("a file");
        std::fs::create_dir(place.path().join("output")).expect("a directory");
        let path = place.path().join("archive.zip");
        archive(HostileZip::default(), place.path()).write_to(File::create(&path).expect("a file")).expect("room");
        Self { archive: File::open(path).expect("the archive"), place }
    }

    fn output(&self) -> PathBuf {
        self.place.path().join("output")
    }

    /// What lies around the directory, and whether the file there is as it was.
    fn around(&self) -> (Vec<String>, bool) {
        let entries = std::fs::read_dir(self.place.path()).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        (names, std::fs::read(self.place.path().join("victim")).expect("the file") == b"as it was")
    }

    /// What became of each entry, by name: `done`, or the error.
    fn extracted(&self) -> Vec<(String, String)> {
        in_words(extract(&self.archive, &self.output()).expect("a call"))
    }
}

fn in_words(outcomes: Vec<inspect_archive::Outcome>) -> Vec<(String, String)> {
    outcomes
        .into_iter()
        .map(|(name, outcome)| (name.to_string_lossy().into_owned(), outcome.map_or_else(|e| e, |_| "done".to_owned())))
        .collect()
}

fn assert_outcomes(found: &[(String, String)], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(name, what)| (name.as_str(), what.as_str())).collect();
    assert_eq!(found, expected);
}

const UNTOUCHED: [&str; 3] = ["archive.zip", "output", "victim"];

#[test]
fn an_archive_is_listed_through_its_descriptor_alone() {
    let scene = Scene::new(|zip, _| {
        zip.file("a/b", "text").file("../c", "").link("l", "/etc").device("d").file("e/", "").file([0xff, b'\n'], "x")
    });
    in_each_tier(|tier| {
        let entries = list(&scene.archive).expect("a call");
        let found: Vec<(&[u8], u64, &Kind)> =
            entries.iter().map(|entry| (entry.name.as_encoded_bytes(), entry.size, &entry.kind)).collect();
        let link = Kind::Link("/etc".into());
        let expected: [(&[u8], u64, &Kind); 6] = [
            (b"a/b", 4, &Kind::File),
            (b"../c", 0, &Kind::File),
            (b"l", 4, &link),
            (b"d", 0, &Kind::Special),
            (b"e/", 0, &Kind::Directory),
            (b"\xff\n", 1, &Kind::File),
        ];
        assert_eq!(found, expected, "tier {tier}");
    });
}

#[test]
fn the_same_code_writes_outside_of_the_directory_without_a_sandbox() {
    let scene = Scene::new(add_escapes);
    let witness = Witness::of(&list(&scene.archive).expect("a call"), &scene.output()).expect("a call");
    let outcomes = in_words(unpack(&scene.archive, &scene.output()).expect("an archive"));
    assert!(outcomes.iter().all(|(_, what)| what == "done"), "{outcomes:?}");
    let (names, victim_is_as_it_was) = scene.around();
    assert_eq!(names, ["absolute", "archive.zip", "climbed", "output", "victim", "went-through-a-link"]);
    assert!(!victim_is_as_it_was);
    // Which the example would have seen.
    let changed: Vec<&OsStr> = witness.changed().iter().filter_map(|place| place.file_name()).collect();
    assert_eq!(changed, ["absolute", "climbed", "victim", "went-through-a-link"]);
}

#[test]
fn no_name_and_no_link_leads_out_of_the_directory() {
    in_each_tier(|tier| {
        let scene = Scene::new(|zip, area| add_escapes(zip.file("a/b", "good"), area).file("c", "good"));
        let witness = Witness::of(&list(&scene.archive).expect("a call"), &scene.output()).expect("a call");
        let refused = match tier {
            'A' => "Read-only file system (os error 30)",
            _ => "Permission denied (os error 13)",
        };
        let absolute = scene.place.path().join("absolute");
        assert_outcomes(
            &scene.extracted(),
            &[
                ("a/b", "done"),
                ("../climbed", refused),
                (absolute.to_str().expect("text"), refused),
                ("above", "done"),
                ("above/went-through-a-link", refused),
                ("victim", "done"),
                ("./victim", refused),
                ("c", "done"),
            ],
        );
        assert_eq!(scene.around(), (UNTOUCHED.map(str::to_owned).to_vec(), true), "tier {tier}");
        assert_eq!(witness.changed(), Vec::<&Path>::new(), "tier {tier}");
    });
}

#[test]
fn a_sweep_leaves_files_and_no_links() {
    let scene = Scene::new(|zip, area| add_escapes(zip.file("a/b", "good"), area).link("a/loop", "loop"));
    scene.extracted();
    let output = scene.output();
    let found = sweep(&output).expect("a directory");
    let expected = [("a/b", Some(4)), ("a/loop", None), ("above", None), ("victim", None)];
    assert_eq!(found, expected.map(|(name, size)| (output.join(name), size)));
    let again = sweep(&output).expect("a directory");
    assert_eq!(again, [(output.join("a/b"), Some(4))]);
    assert_eq!(std::fs::read(scene.place.path().join("victim")).expect("the file"), b"as it was", "links only go");
}

#[test]
fn a_link_to_etc_leads_nowhere() {
    let name = format!("etc/gaol-archives-{}", std::process::id());
    in_each_tier(|tier| {
        let scene = Scene::new(|zip, _| zip.link("etc", "/etc").file(&name, "x"));
        // In tier A there is no /etc.
        let refused =
            if tier == 'A' { "No such file or directory (os error 2)" } else { "Permission denied (os error 13)" };
        assert_outcomes(&scene.extracted(), &[("etc", "done"), (&name, refused)]);
        assert!(!Path::new("/").join(&name).exists());
    });
}

#[test]
fn entries_that_no_file_system_has_are_refused_one_by_one() {
    let long = "x".repeat(5000);
    in_each_tier(|tier| {
        let scene = Scene::new(|zip, _| {
            zip.device("device")
                .file("a\0b", "x")
                .file(&long, "x")
                .file("twice", "1")
                .file("twice", "22")
                .file("twice/below", "x")
                .file("fine", "x")
        });
        assert_outcomes(
            &scene.extracted(),
            &[
                ("device", "neither a file, a directory nor a link"),
                ("a\0b", "file name contained an unexpected NUL byte"),
                (&long, "File name too long (os error 36)"),
                ("twice", "done"),
                ("twice/below", "Not a directory (os error 20)"),
                ("fine", "done"),
            ],
        );
        let output = scene.output();
        let expected = [("fine", Some(1)), ("twice", Some(2))].map(|(name, size)| (output.join(name), size));
        assert_eq!(sweep(&output).expect("a directory"), expected, "tier {tier}");
    });
}

#[test]
fn a_bomb_on_disk_meets_file_size() {
    let scene = Scene::new(|zip, _| zip.bomb("bomb", 20).file("after", "x"));
    in_each_tier(|tier| {
        assert_outcomes(&scene.extracted(), &[("bomb", "File too large (os error 27)"), ("after", "done")]);
        let after = scene.output().join("after");
        assert_eq!(sweep(&scene.output()).expect("a directory"), [(after, Some(1))], "tier {tier}");
    });
    // The control: outside it is unpacked whole, and found out at its end.
    let outcomes = in_words(unpack(&scene.archive, &scene.output()).expect("an archive"));
    assert_outcomes(&outcomes, &[("bomb", "Invalid checksum"), ("after", "done")]);
}

#[test]
fn a_bomb_in_memory_meets_memory() {
    let scene = Scene::new(|zip, _| zip.file("a", "a word").bomb("bomb", 200));
    let tame = Scene::new(|zip, _| zip.file("a", "a word").file("b", "another"));
    in_each_tier(|tier| {
        let error = search(&scene.archive, "word").expect_err("it does not fit");
        let Error::Function(said) = &error else { panic!("tier {tier}: {error:?}") };
        assert_eq!(said.message(), "out of memory", "tier {tier}: what the allocation said");
        assert_eq!(search(&tame.archive, "word").expect("a call"), ["a"]);
    });
}

#[test]
fn a_bomb_of_time_meets_time() {
    let scene = Scene::new(|zip, _| zip.bomb("a", 4095).bomb("b", 4095));
    let tame = Scene::new(|zip, _| zip.file("a", "four").file("b", "four"));
    in_each_tier(|tier| {
        let error = verify(&scene.archive).expect_err("it takes too long");
        let limit = Duration::from_millis(300);
        assert!(matches!(error, Error::TimedOut { limit: found, .. } if found == limit), "{tier}: {error}");
        assert_eq!(verify(&tame.archive).expect("a call"), 8);
    });
}

#[test]
fn an_archive_aims_where_its_names_and_links_lead() {
    let scene = Scene::new(|zip, _| {
        zip.link("up", "..")
            .link("far", "up/.././x")
            .link("round", "round")
            .link("../made", "anywhere")
            .file("within", "")
            .file("up/output/within", "")
            .file("far/there", "")
            .file("round/a", "")
            .file("/abs\u{ff}", "")
            .file([b"/a\xff".as_slice(), b"/../b\xff"].concat(), "")
    });
    in_each_tier(|tier| {
        let found = aims(&list(&scene.archive).expect("a call"), Path::new("/p/q/output")).expect("a call");
        let found: Vec<&[u8]> = found.iter().map(|place| place.as_encoded_bytes()).collect();
        let expected: [&[u8]; 4] = ["/abs\u{ff}".as_bytes(), b"/b\xff", b"/p/q/made", b"/p/x/there"];
        assert_eq!(found, expected, "tier {tier}");
    });
}

#[test]
fn names_that_lead_a_long_way_round_meet_time() {
    let long = "a/".repeat(2400);
    let scene =
        Scene::new(|zip, _| (0..500).fold(zip.link("a", "."), |zip, number| zip.file(format!("{long}{number}"), "")));
    let entries = list(&scene.archive).expect("a call");
    in_each_tier(|tier| {
        let error = aims(&entries, &scene.output()).expect_err("it takes too long");
        let limit = Duration::from_secs(1);
        assert!(matches!(error, Error::TimedOut { limit: found, .. } if found == limit), "{tier}: {error}");
    });
}

#[test]
fn a_broken_archive_is_an_error_of_its_reader() {
    let scene = Scene::new(|zip, _| zip.file("a", "x"));
    let path = scene.place.path().join("broken.zip");
    std::fs::write(&path, "PK\x05\x06 and no more").expect("a file");
    in_each_tier(|tier| {
        let error = list(&File::open(&path).expect("the file")).expect_err("no archive");
        assert!(matches!(error, Error::Function(_)), "{tier}: {error:?}");
    });
}

#[test]
fn nobody_gets_the_same_as_root() {
    let Some(alone) = Alone::new("nobody_gets_the_same_as_root").user(User::Nobody) else { return };
    alone.run(|| {
        in_each_tier(|tier| {
            let scene = Scene::new(add_escapes);
            let done = scene.extracted().into_iter().filter(|(_, what)| what == "done").map(|(name, _)| name);
            assert_eq!(done.collect::<Vec<_>>(), ["above", "victim"], "tier {tier}");
            assert_eq!(scene.around(), (UNTOUCHED.map(str::to_owned).to_vec(), true), "tier {tier}");
        });
    });
}

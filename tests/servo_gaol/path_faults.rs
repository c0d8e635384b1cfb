//! What servo/gaol got wrong about paths, one test a fault: each shows what is right, and that the act works without a sandbox.

use std::fs;
use std::path::PathBuf;

use libc::{EACCES, ENOENT, EROFS, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};

use super::acts::{Act, End};
use super::profiles::Allowed;
use super::ways::{ends, ends_outside, errnos, every_way, ways};
use crate::support::alone::{Alone, place};

/// `chroot` without `chdir`: what the working directory leads to stayed open.
#[test]
fn a_working_directory_leads_nowhere() {
    Alone::new("servo_gaol::path_faults::a_working_directory_leads_nowhere").run(|| {
        let place = place();
        fs::create_dir(place.join("granted")).expect("a directory");
        fs::write(place.join("file"), "contents").expect("a file");
        assert_eq!(std::env::current_dir().expect("a working directory"), place);
        let allowed = Allowed::Read(vec![place.join("granted")]);
        let upward = Act::Read("../../../../../../../../etc/passwd".into());
        let relative = Act::Read("file".into());
        let create = Act::Open("created".into(), O_CREAT | O_WRONLY);
        for act in [&upward, &relative, &create] {
            assert_eq!(ends_outside(act), End::Done);
        }
        fs::remove_file(place.join("created")).expect("it was created");
        every_way(&allowed, &upward, errnos([ENOENT, EACCES, ENOENT, EACCES, EACCES]));
        // The directory is `/`, except for a program that may see all metadata.
        every_way(&allowed, &relative, errnos([ENOENT, ENOENT, ENOENT, EACCES, ENOENT]));
        every_way(&allowed, &create, errnos([EACCES, EACCES, EROFS, EACCES, EACCES]));
        assert!(!place.join("created").exists());
    });
}

/// What was granted to be read could be written.
#[test]
fn what_may_be_read_may_not_be_written() {
    Alone::new("servo_gaol::path_faults::what_may_be_read_may_not_be_written").run(|| {
        let directory = place().join("granted");
        let file = directory.join("file");
        let renew = || {
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir(&directory).expect("a directory");
            fs::write(&file, "contents").expect("a file");
        };
        let read = Allowed::Read(vec![directory.clone()]);
        let everything = Allowed::Everything(directory.clone());
        for act in [
            Act::Open(file.clone(), O_WRONLY),
            Act::Open(file.clone(), O_RDWR),
            Act::Truncate(file.clone()),
            Act::Open(directory.join("new"), O_CREAT | O_WRONLY),
            Act::Remove(file.clone()),
        ] {
            renew();
            assert_eq!(ends_outside(&act), End::Done, "{act:?}");
            for (way, tier) in ways() {
                renew();
                assert_eq!(ends(way, tier, &everything, &act), End::Done, "{act:?}: {way:?} in tier {tier:?}");
            }
            renew();
            every_way(&read, &act, errnos([EACCES, EACCES, EROFS, EACCES, EACCES]));
            assert_eq!(fs::read_to_string(&file).expect("it is there"), "contents");
            assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1);
        }
        // To truncate what is opened for reading is refused in any case.
        let truncate = Act::Open(file.clone(), O_RDONLY | O_TRUNC);
        every_way(&read, &truncate, errnos([EACCES; 5]));
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "contents");
        assert_eq!(ends_outside(&truncate), End::Done);
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "");
    });
}

/// The second of two paths with one parent was an error.
#[test]
fn two_paths_with_one_parent_are_both_granted() {
    Alone::new("servo_gaol::path_faults::two_paths_with_one_parent_are_both_granted").run(|| {
        let place = place();
        for name in ["one", "two", "three"] {
            fs::create_dir_all(place.join("parent").join(name)).expect("a directory");
            fs::write(place.join("parent").join(name).join("file"), "contents").expect("a file");
        }
        let path = |name: &str| place.join("parent").join(name);
        let two = Allowed::Read(vec![path("one"), path("two")]);
        every_way(&two, &Act::Read(path("one/file")), [End::Done; 5]);
        every_way(&two, &Act::Read(path("two/file")), [End::Done; 5]);
        every_way(&two, &Act::Read(path("three/file")), errnos([ENOENT, EACCES, ENOENT, EACCES, EACCES]));
        let of_the_system = Allowed::Read(vec!["/usr/lib".into(), "/usr/share".into()]);
        every_way(&of_the_system, &Act::Stat("/usr/lib".into()), [End::Done; 5]);
        every_way(&of_the_system, &Act::Stat("/usr/share".into()), [End::Done; 5]);
    });
}

/// What overlapping patterns meant was left open.
#[test]
fn overlapping_patterns_add_up() {
    Alone::new("servo_gaol::path_faults::overlapping_patterns_add_up").run(|| {
        let outer = place().join("outer");
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).expect("directories");
        fs::write(outer.join("file"), "contents").expect("a file");
        fs::write(inner.join("file"), "contents").expect("a file");
        // The same path twice, and one beneath the other, in either order.
        for paths in [[&outer, &inner], [&inner, &outer], [&outer, &outer]] {
            let read = Allowed::Read(paths.map(PathBuf::clone).to_vec());
            every_way(&read, &Act::Read(outer.join("file")), [End::Done; 5]);
            every_way(&read, &Act::Read(inner.join("file")), [End::Done; 5]);
        }
    });
}

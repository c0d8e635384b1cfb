//! A symbolic link that a child has planted leads no other profile out of what it grants.

use std::path::{Path, PathBuf};

use gaol::{Error, Operation, PathPattern, PathProblem, Profile, sandboxed};
use std::process::{Command, Output};

/// A directory of this test's own.
fn place(name: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("gaol-planted-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(place.join("shared/inner")).expect("a directory");
    std::fs::create_dir_all(place.join("secret")).expect("a directory");
    std::fs::write(place.join("shared/inner/file"), "granted").expect("a file");
    std::fs::write(place.join("secret/file"), "secret").expect("a file");
    place
}

/// Hostile: puts a link in the place of a directory that another function may read.
#[sandboxed(write = place.join("shared"))]
fn plant(place: &Path) -> gaol::Result<()> {
    std::fs::rename(place.join("shared/inner"), place.join("shared/was-inner"))?;
    std::os::unix::fs::symlink(place.join("secret"), place.join("shared/inner"))?;
    Ok(())
}

/// The victim: trusts the name.
#[sandboxed(read = place.join("shared/inner"))]
fn read_inner(place: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(place.join("shared/inner/file"))?)
}

fn in_both_tiers(name: &str, test: impl Fn(&str)) {
    test(&format!("{name}-a"));
    let _guard = gaol::controls::without(&[gaol::Layer::Namespaces]);
    test(&format!("{name}-b"));
}

#[test]
fn a_planted_link_is_refused_where_an_honest_one_is_followed() {
    in_both_tiers("link", |name| {
        let place = place(name);
        assert_eq!(read_inner(&place).expect("the directory is what it was"), "granted");

        // The control: a link beside the tree, where no profile writes, is followed.
        let beside = self::place(&format!("{name}-beside"));
        std::fs::rename(beside.join("shared/inner"), beside.join("inner")).expect("renamed");
        std::os::unix::fs::symlink(&beside, place.join("aside")).expect("a link");
        assert!(
            matches!(read_inner(&place.join("aside")), Err(Error::Path { problem: PathProblem::Io(error), .. })
                if error.kind() == std::io::ErrorKind::NotFound),
            "the control has no such directory yet"
        );
        std::fs::create_dir(beside.join("shared/inner")).expect("a directory");
        std::fs::write(beside.join("shared/inner/file"), "through a link").expect("a file");
        assert_eq!(read_inner(&place.join("aside")).expect("an honest link is followed"), "through a link");

        plant(&place).expect("a child that may write can plant a link");
        assert_eq!(std::fs::read_to_string(place.join("shared/inner/file")).expect("it leads there"), "secret");
        match read_inner(&place) {
            Err(Error::Path { path, problem: PathProblem::WritableLink, .. }) => {
                assert_eq!(path, place.join("shared/inner"));
            }
            other => panic!("expected the link to be refused, not {other:?}"),
        }
        std::fs::remove_dir_all(&place).expect("removed");
        std::fs::remove_dir_all(&beside).expect("removed");
    });
}

/// A program that may read what that name means.
fn cat_inner(place: &Path) -> Command {
    let inner = place.join("shared/inner");
    let granted = |path: &Path| PathPattern::subpath(path).expect("it is absolute");
    let operations = vec![
        Operation::ProcessExec(PathPattern::literal("/bin/cat").expect("it is absolute")),
        Operation::FileReadAll(granted(&inner)),
        Operation::FileReadMetadata(granted(Path::new("/"))),
    ];
    let mut command = Profile::new(operations).expect("this system can keep it").command("/bin/cat");
    command.arg(inner.join("file"));
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("a launcher can be started")
}

#[test]
fn a_link_that_a_call_has_planted_leads_no_program_anywhere() {
    in_both_tiers("program", |name| {
        let place = place(name);
        assert_eq!(run(cat_inner(&place)).stdout, b"granted");

        // The control: the same link, where no profile writes.
        let honest = self::place(&format!("{name}-honest"));
        std::fs::rename(honest.join("shared/inner"), honest.join("shared/was-inner")).expect("renamed");
        std::os::unix::fs::symlink(honest.join("secret"), honest.join("shared/inner")).expect("a link");
        assert_eq!(run(cat_inner(&honest)).stdout, b"secret");

        plant(&place).expect("a child that may write can plant a link");
        let output = run(cat_inner(&place));
        assert!(gaol::is_set_up_failure(&output.status), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let named = format!("{}: {}", place.join("shared/inner").display(), PathProblem::WritableLink);
        assert!(said.contains(&named), "{said}");
        std::fs::remove_dir_all(&place).expect("removed");
        std::fs::remove_dir_all(&honest).expect("removed");
    });
}

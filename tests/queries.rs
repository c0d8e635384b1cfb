//! A hostile query over a database in a sandbox gets nowhere: what `examples/sqlite_query.rs` shows, claim by claim.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

#[path = "../examples/sqlite_query.rs"]
#[allow(dead_code, reason = "an example is a program of its own")]
mod sqlite_query;

use std::path::PathBuf;
use std::time::Duration;

use gaol::{Error, Layer};

use sqlite_query::{BOMBS, REFUSED_BY_SQLITE, Table, create, escapes, query, select};
use support::alone::{Alone, User};
use support::place::Place;

/// In both tiers; told which.
fn in_each_tier(test: impl Fn(char)) {
    test('A');
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test('B');
}

/// The databases of the example.
struct Scene(Place);

impl Scene {
    fn new() -> Self {
        let place = Place::new("queries");
        create(place.path()).expect("two databases");
        Self(place)
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("towns.db")
    }

    /// The hostile statement of that name.
    fn escape(&self, what: &str) -> String {
        let mut escapes = escapes(self.0.path()).into_iter();
        escapes.find(|(name, _)| *name == what).unwrap_or_else(|| panic!("{what} is in the example")).1
    }

    /// What each file holds.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.0.path()).expect("a directory").map(|entry| entry.expect("an entry"));
        let mut files: Vec<_> = entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("it")))
            .collect();
        files.sort();
        files
    }

    /// What the function's own error says.
    fn refusal(&self, sql: &str) -> String {
        match query(&self.database(), sql).expect_err("it is refused") {
            Error::Function(error) => error.message().to_owned(),
            other => panic!("{sql}: {other}"),
        }
    }
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_query_answers_as_it_does_outside() {
    let scene = Scene::new();
    let sql = "SELECT name, people, founded / 2.0, x'0102' AS bytes FROM town ORDER BY name";
    let expected = select(&scene.database(), sql).expect("an answer");
    assert_eq!(expected.columns, ["name", "people", "founded / 2.0", "bytes"]);
    assert_eq!(expected.rows[3], ["Uruk", "NULL", "-2000", "2 bytes"]);
    in_each_tier(|tier| {
        assert_eq!(query(&scene.database(), sql).expect("an answer"), expected, "tier {tier}");
        assert_eq!(query(&scene.database(), "").expect("an answer"), Table::default(), "tier {tier}");
    });
}

#[test]
fn sorting_more_than_fits_a_page_needs_no_temporary_file() {
    let scene = Scene::new();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) \
               SELECT DISTINCT i % 7 AS rest FROM (SELECT i FROM n ORDER BY hex(i * 7919 % 5003)) ORDER BY rest";
    in_each_tier(|tier| {
        assert_eq!(query(&scene.database(), sql).expect("an answer").rows.len(), 7, "tier {tier}");
    });
}

#[test]
fn no_statement_reaches_another_file() {
    let scene = Scene::new();
    let area = scene.0.path().display().to_string();
    let before = scene.files();
    let cannot_open = |name: &str| format!("unable to open database: {area}/{name}");
    in_each_tier(|tier| {
        for (what, expected) in [
            ("read another database", cannot_open("secrets.db")),
            ("write to another database", cannot_open("secrets.db")),
            ("make a file", cannot_open("new.db")),
            ("copy the database elsewhere", cannot_open("copy.db")),
            ("write to the database", "attempt to write a readonly database".to_owned()),
            ("leave a journal behind", "attempt to write a readonly database".to_owned()),
            ("fill a temporary file", "disk I/O error".to_owned()),
        ] {
            assert_eq!(scene.refusal(&scene.escape(what)), expected, "{what}, tier {tier}");
        }
        assert_eq!(
            scene.refusal("ATTACH '/etc/passwd' AS other; SELECT * FROM other.sqlite_master"),
            "unable to open database: /etc/passwd",
            "tier {tier}"
        );
        assert!(scene.files() == before, "every file is as it was, and there is no other: tier {tier}");
    });
    assert_eq!(escapes(scene.0.path()).len(), 7, "each is tested");
}

#[test]
fn the_same_statements_reach_other_files_without_a_sandbox() {
    let scene = Scene::new();
    let outside = |sql: &str| select(&scene.database(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let read = outside(&scene.escape("read another database"));
    assert_eq!(read.rows, [["swordfish"]]);
    let before = scene.files();
    outside(&scene.escape("make a file"));
    outside(&scene.escape("copy the database elsewhere"));
    outside(&scene.escape("fill a temporary file"));
    assert_eq!(names(&scene.files()), ["copy.db", "new.db", "secrets.db", "towns.db"]);
    outside(&scene.escape("write to another database"));
    outside(&scene.escape("write to the database"));
    assert_eq!(outside("SELECT sum(people) FROM town").rows, [["0"]]);
    outside(&scene.escape("leave a journal behind"));
    let after = scene.files();
    for file in before {
        assert!(!after.contains(&file), "{} was changed", file.0);
    }
    // SQLite has read it, and found no database.
    let error = select(&scene.database(), "ATTACH '/etc/passwd' AS other; SELECT * FROM other.sqlite_master");
    assert_eq!(error.expect_err("no database").to_string(), "file is not a database");
}

#[test]
fn what_sqlite_refuses_by_itself_is_refused_here_too() {
    let scene = Scene::new();
    in_each_tier(|tier| {
        let said = REFUSED_BY_SQLITE.map(|(_, sql)| scene.refusal(sql));
        assert_eq!(said[0], "not authorized", "tier {tier}");
        assert!(said[1].starts_with("no such function: readfile"), "tier {tier}: {}", said[1]);
        assert_eq!(said[2], "string or blob too big", "tier {tier}");
    });
}

#[test]
fn no_query_runs_longer_or_larger_than_the_limits() {
    let scene = Scene::new();
    let [for_ever, rows, noise, answer] = BOMBS.map(|(_, sql)| sql);
    in_each_tier(|tier| {
        let call = |sql| query(&scene.database(), sql).expect_err("a limit ends it");
        let error = call(for_ever);
        let limit = Duration::from_secs(1);
        assert!(matches!(error, Error::TimedOut { limit: found, .. } if found == limit), "tier {tier}: {error}");
        assert_eq!(scene.refusal(noise), "out of memory", "tier {tier}");
        // Either SQLite asks for the byte that is too many, which it answers with an error, or this program does.
        match call(rows) {
            Error::OutOfMemory { limit, .. } => assert_eq!(limit, Some(64 << 20), "tier {tier}"),
            Error::Function(error) => assert_eq!(error.message(), "out of memory", "tier {tier}"),
            other => panic!("tier {tier}: {other}"),
        }
        let error = call(answer);
        let said = "its result takes more than the 1048576 bytes that are allowed";
        assert!(matches!(&error, Error::Protocol { .. } if error.to_string().contains(said)), "tier {tier}: {error}");
    });
    // The control: outside, there is room.
    assert_eq!(select(&scene.database(), noise).expect("an answer").rows, [["100000000"]]);
    assert_eq!(select(&scene.database(), answer).expect("an answer").rows[0][0].len(), 8_000_000);
}

#[test]
fn a_file_that_is_no_database_is_an_error_of_sqlites() {
    let scene = Scene::new();
    let path = scene.0.path().join("text.db");
    std::fs::write(&path, "This is text, and long enough to have a header. ".repeat(100)).expect("a file");
    in_each_tier(|tier| {
        let error = query(&path, "SELECT * FROM town").expect_err("no database");
        let Error::Function(said) = &error else { panic!("tier {tier}: {error:?}") };
        assert_eq!(said.message(), "file is not a database", "tier {tier}");
    });
}

#[test]
fn nobody_gets_the_same_as_root() {
    let Some(alone) = Alone::new("nobody_gets_the_same_as_root").user(User::Nobody) else { return };
    alone.run(|| {
        let scene = Scene::new();
        let before = scene.files();
        in_each_tier(|tier| {
            assert_eq!(query(&scene.database(), "SELECT * FROM town").expect("an answer").rows.len(), 4, "tier {tier}");
            for (what, sql) in escapes(scene.0.path()) {
                assert!(matches!(query(&scene.database(), &sql), Err(Error::Function(_))), "{what}, tier {tier}");
            }
            assert!(scene.files() == before, "every file is as it was: tier {tier}");
        });
    });
}

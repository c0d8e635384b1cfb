//! `docs/from-servo-gaol.md` says what is so: its code is code that runs here, and each test and item that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/from-servo-gaol.md")).expect("the page is there")
}

/// The text of every Rust file beneath a directory.
fn sources(directory: &str) -> String {
    let mut waiting: Vec<PathBuf> = vec![root().join(directory)];
    let mut text = String::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory of the project can be listed");
            waiting.extend(entries.map(|entry| entry.expect("its entries can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).expect("a source file is text");
        }
    }
    text
}

/// The marked pieces of `uses.rs`, by their names, without the indentation that they share.
fn pieces() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/servo_gaol/uses.rs")).expect("it is there");
    let mut pieces = BTreeMap::new();
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in text.lines() {
        match (line.trim().strip_prefix("// page: "), &mut open) {
            (Some("end"), open) => {
                let (name, lines) = open.take().expect("a piece that begins");
                let depth = |line: &&str| line.len() - line.trim_start().len();
                let shared = lines.iter().filter(|line| !line.is_empty()).map(depth).min().unwrap_or_default();
                let piece: Vec<&str> = lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect();
                assert!(pieces.insert(name.clone(), piece.join("\n")).is_none(), "{name} is there once");
            }
            (Some(name), open) => {
                assert!(open.is_none(), "{name} begins where another has not ended");
                *open = Some((name.to_owned(), Vec::new()));
            }
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none() && !pieces.is_empty());
    pieces
}

#[test]
fn the_code_of_the_page_runs_in_a_test() {
    let page = page();
    let mut pieces = pieces();
    let mut lines = page.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if line.starts_with("```rust") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if !before.starts_with("servo/gaol 0.2") {
                let name = before.strip_prefix("<!-- uses.rs: ").and_then(|name| name.strip_suffix(" -->"));
                let name = name.unwrap_or_else(|| panic!("whose code is this? {block:#?}"));
                let piece =
                    pieces.remove(name).unwrap_or_else(|| panic!("uses.rs has no {name}, or it was shown before"));
                assert_eq!(block.join("\n"), piece, "{name}");
            }
        }
        if !line.is_empty() {
            before = line;
        }
    }
    assert!(pieces.is_empty(), "not shown: {:?}", pieces.keys());
}

/// What stands in backquotes in the last column of each table whose last column has this head.
fn in_column(head: &str) -> Vec<String> {
    let page = page();
    let mut found = Vec::new();
    let mut is_it = false;
    for line in page.lines() {
        if !line.starts_with('|') {
            is_it = false;
            continue;
        }
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        if last.trim() == head {
            is_it = true;
        } else if is_it {
            found.extend(last.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(!found.is_empty(), "no table with a column `{head}`");
    found
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect()
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let tests = sources("tests");
    // By `fn`, or in the list of a macro that declares them.
    let declared: BTreeSet<&str> = tests
        .lines()
        .flat_map(|line| match line.trim_start().strip_prefix("fn ") {
            Some(function) => function.split('(').take(1).collect::<Vec<_>>(),
            None if line.ends_with(';') => line.trim_end_matches(';').split([',', ':']).map(str::trim).collect(),
            None => Vec::new(),
        })
        .collect();
    for name in in_column("Shown by") {
        match name.strip_suffix(".rs") {
            Some(_) => assert!(root().join(&name).exists(), "no file {name}"),
            None => assert!(declared.contains(&*name), "no test {name}"),
        }
    }
}

#[test]
fn every_item_that_the_page_names_is_there() {
    let (own, of_specs) = (sources("gaol/src"), sources("gaol-spec/src"));
    let words: BTreeSet<&str> = &words(&own) | &words(&of_specs);
    for item in in_column("Here") {
        // Attributes and the standard library's own are not gaol's.
        if item.contains(" = ") || item.starts_with("std::") {
            continue;
        }
        for word in
            item.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
        {
            assert!(words.contains(word), "`{item}`: there is no {word} in gaol");
        }
    }
}

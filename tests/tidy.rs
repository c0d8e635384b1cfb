//! The source keeps to its own rules: first lines, where `unsafe` may stand, which way imports go, a reason for each dependency.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file beneath `directory`, with its path from there.
fn sources(directory: &str) -> Vec<(String, String)> {
    let top = root().join(directory);
    let mut waiting: Vec<PathBuf> = vec![top.clone()];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a directory of the project can be listed");
            waiting.extend(entries.map(|entry| entry.expect("its entries can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&top).expect("it was found there").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("a source file is text")));
        }
    }
    assert!(!found.is_empty(), "{directory} holds Rust");
    found.sort();
    found
}

#[test]
fn every_file_opens_with_its_job_in_one_sentence() {
    for directory in [
        "gaol/src",
        "gaol/benches",
        "gaol-macros/src",
        "gaol-spec/src",
        "examples",
        "tests",
        "ui-tests/tests",
        "fuzz/src",
        "fuzz/fuzz_targets",
    ] {
        for (name, text) in sources(directory) {
            let first = text.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("//! "),
                "{directory}/{name} opens with `{first}`; say there what the file is for"
            );
        }
    }
}

#[test]
fn unsafe_stands_only_where_the_architecture_says() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let section =
        architecture.split("\n## ").find(|section| section.starts_with("`unsafe`")).expect("it has the section");
    // A table row names its files in backquotes; those without a directory stand beside the one before them.
    let mut allowed = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let mut directory = String::new();
        for name in row.split('|').nth(1).unwrap_or_default().split('`').filter(|name| name.ends_with(".rs")) {
            let path = match name.rsplit_once('/') {
                Some((above, _)) if name.starts_with("sys/") || directory.is_empty() => {
                    directory = format!("{above}/");
                    name.to_owned()
                }
                _ => format!("{directory}{name}"),
            };
            allowed.insert(path);
        }
    }
    for (name, text) in sources("gaol/src") {
        let has = text.contains("#![allow(unsafe_code)]") || text.contains("unsafe {");
        assert_eq!(
            has,
            allowed.contains(&name),
            "{name}: `unsafe` is allowed in it ({has}) against ARCHITECTURE.md ({allowed:?})"
        );
        if has {
            assert!(text.contains("//! # Safety"), "{name} argues in a `# Safety` paragraph why it needs `unsafe`");
        }
    }
    for directory in ["gaol-macros/src", "gaol-spec/src"] {
        for (name, text) in sources(directory) {
            assert!(!text.contains("allow(unsafe_code)"), "{directory}/{name} needs no `unsafe`");
        }
    }
}

/// The modules of `gaol`, lowest first. A module imports from its own row and those above it in this list. The longest name that fits counts.
const LEVELS: [&[&str]; 7] = [
    &["profile", "error", "support", "role", "testing::controls", "sys::plan", "sys::programs"],
    &["sys"],
    &["protocol", "function::entry", "process::messages", "process::launcher::messages", "process::launcher::mark"],
    &["function", "descriptor", "profile::dynamic", "error::refusal", "tainted", "sys::paths"],
    &["call", "process"],
    &[
        "init",
        "function::manifest",
        "stream",
        "profile::file",
        "profile::build",
        "command",
        "activate",
        "testing::escape_suite",
    ],
    &["lib", "__private", "test_support", "testing"],
];

/// The application's side and the child's side of a conversation. They share messages, and nothing else.
const APPLICATION: [&str; 9] = [
    "call",
    "command",
    "activate",
    "stream",
    "process::zygote::handle",
    "process::zygote::host",
    "process::template::handle",
    "process::template::prewarmed",
    "process::launcher::key",
];
const CHILD: [&str; 11] = [
    "process::fuzzing",
    "process::judge",
    "process::orphans",
    "process::subreaper",
    "process::worker",
    "process::zygote::main",
    "process::template::main",
    "process::launcher::main",
    "process::launcher::init",
    "process::launcher::origin",
    "process::launcher::supervise",
];

/// Whether `module` is `name`, or stands in it.
fn is_in(module: &str, name: &str) -> bool {
    module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The row of the longest name that `module` stands in.
fn level_of(module: &str) -> Option<usize> {
    let rows = LEVELS.iter().enumerate();
    let fitting = rows.flat_map(|(level, names)| names.iter().map(move |name| (name.len(), level, *name)));
    fitting.filter(|(_, _, name)| is_in(module, name)).max().map(|(_, level, _)| level)
}

/// Every path of a module of `gaol` that a line names.
fn used_by(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    // `$crate::` is read where a macro is used.
    for used in line.replace("$crate::", "").split("crate::").skip(1) {
        let path: String =
            used.chars().take_while(|letter| letter.is_alphanumeric() || "_:".contains(*letter)).collect();
        match used[path.len()..].strip_prefix('{') {
            // `use crate::{role, sys};`
            Some(list) => {
                let names = list.split('}').next().unwrap_or_default().split(',').map(str::trim);
                found.extend(names.map(|name| format!("{path}{name}")));
            }
            None => found.push(path),
        }
    }
    found
}

/// Each line of `gaol` that is no comment and names a module, with the module that it stands in.
fn imports() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (name, text) in sources("gaol/src") {
        let module = name.trim_end_matches(".rs").replace('/', "::").replace("sys::linux", "sys");
        assert!(level_of(&module).is_some(), "{name} has no place in the order of modules");
        // A list of names may have lines of its own.
        let statements = text.replace(",\n", ", ").replace("{\n", "{");
        for line in statements.lines().filter(|line| !line.trim_start().starts_with("//")) {
            found.extend(used_by(line).into_iter().map(|used| (name.clone(), module.clone(), used)));
        }
    }
    found
}

#[test]
fn imports_go_one_way() {
    for (name, module, used) in imports() {
        let (Some(level), Some(other)) = (level_of(&module), level_of(&used)) else { continue };
        assert!(other <= level, "gaol/src/{name}: `{module}` imports from `{used}`, which stands above it");
    }
}

#[test]
fn application_and_child_share_nothing_but_messages() {
    let is_one_of = |module: &str, side: &[&str]| side.iter().any(|name| is_in(module, name));
    let mut sides = [0, 0];
    for (name, module, used) in imports() {
        let (application, child) = (is_one_of(&module, &APPLICATION), is_one_of(&module, &CHILD));
        assert!(
            !(application && is_one_of(&used, &CHILD)),
            "gaol/src/{name}: the application's side imports `{used}`, which runs in children"
        );
        assert!(
            !(child && is_one_of(&used, &APPLICATION)),
            "gaol/src/{name}: the child's side imports `{used}`, which runs in the application"
        );
        sides[0] += usize::from(application);
        sides[1] += usize::from(child);
    }
    assert!(sides.iter().all(|imports| *imports > 50), "{sides:?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let reasons = architecture.split("## Dependencies").nth(1).expect("it has the section");
    for manifest in [
        "Cargo.toml",
        "examples/Cargo.toml",
        "examples/more/Cargo.toml",
        "gaol/Cargo.toml",
        "gaol/benches/peers/Cargo.toml",
        "gaol-macros/Cargo.toml",
        "gaol-spec/Cargo.toml",
        "ui-tests/Cargo.toml",
        "fuzz/Cargo.toml",
    ] {
        let text = std::fs::read_to_string(root().join(manifest)).expect("it is there");
        let mut listed = false;
        for line in text.lines() {
            if let Some(section) = line.strip_prefix('[') {
                listed = section.trim_end_matches(']').ends_with("dependencies") && !section.starts_with("workspace");
            } else if listed && let Some((name, _)) = line.split_once('=') {
                let name = name.trim().trim_end_matches(".workspace");
                if matches!(name, "gaol" | "gaol-macros-plain") {
                    continue;
                }
                assert!(
                    reasons.contains(&format!("`{name}`")),
                    "{manifest}: `{name}` has no reason in ARCHITECTURE.md"
                );
            }
        }
    }
}

#[test]
fn each_line_about_serde_names_a_test_that_is_there() {
    let text = std::fs::read_to_string(root().join("docs/serde.md")).expect("it is there");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `") || line.starts_with("| a")).collect();
    let rows = rows.into_iter().filter(|row| !row.starts_with("| attribute"));
    let mut count = 0;
    for row in rows {
        count += 1;
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        let file = named.get(1).copied().unwrap_or("tests/arguments/forms.rs");
        let source = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let test = named.first().unwrap_or_else(|| panic!("it names no test: {row}"));
        let is_there = source.contains(&format!("#[test]\nfn {test}("));
        assert!(is_there, "{file} has no test {test}, which docs/serde.md names: {row}");
    }
    assert!(count > 40, "the tables are found: {count} rows");
}

/// The names of the variants of an enum, as its source declares them.
fn variants(source: &str, declaration: &str) -> Vec<String> {
    let (_, body) = source.split_once(declaration).expect("the enum is declared there");
    let body = body.split("\n}").next().unwrap_or_default();
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names
        .map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned())
        .collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn documents_name_every_error_and_every_key() {
    let errors = variants(&read("gaol/src/error.rs"), "pub enum Error {");
    assert!(errors.len() > 15, "{errors:?}");
    let table = read("docs/errors.md");
    for error in &errors {
        assert!(table.contains(&format!("`{error}`")), "docs/errors.md lacks `{error}`");
    }
    let keys = variants(&read("gaol-macros/src/ast.rs"), "pub(crate) enum Key {");
    assert!(keys.len() > 15, "{keys:?}");
    let attribute = read("gaol-macros/src/lib.rs");
    let page = read("docs/keys.md");
    for key in keys {
        // `FileSize` is written `file_size`.
        let mut name = String::new();
        for letter in key.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        assert!(
            page.contains(&format!("| `{name}` |")) || page.contains(&format!("`{name}`")),
            "docs/keys.md lacks the key `{name}`"
        );
        assert!(attribute.contains(&format!("`{name}`")), "the attribute's documentation lacks the key `{name}`");
    }
}

#[test]
fn documents_name_every_layer_that_there_is() {
    let layers = variants(&read("gaol/src/support.rs"), "pub enum Layer {");
    assert_eq!(layers.len(), 6, "{layers:?}");
    let page = read("gaol/src/lib.rs");
    for layer in layers {
        let name = layer.to_lowercase();
        assert!(page.to_lowercase().contains(&name), "the crate's page does not name the layer {name}");
    }
}

/// Words that only gaol used, and what the field says instead.
const RETIRED: [(&str, &str); 24] = [
    ("leisure", "spin"),
    ("Leisure", "AdaptiveSpin"),
    ("Pace", "AdaptiveSpin"),
    ("keeper", "subreaper"),
    ("strays", "orphans"),
    ("Fence", "SignalScope"),
    ("crowd", "in_flight"),
    ("Crowd", "InFlightThreads"),
    ("groundwork", "prewarmed"),
    ("Groundwork", "Prewarmed"),
    ("rehearse", "warm_up"),
    ("vigil", "freshness"),
    ("Vigil", "PathFreshness"),
    ("Ward", "TemplateProcess"),
    ("attendance", "supervision"),
    ("lane", "buffer"),
    ("Lane", "PrefaultedBuffer"),
    ("outlet", "blocks"),
    ("Outlet", "ArgumentBlocks"),
    ("Told", "LaunchMessage"),
    ("Asked", "ZygoteRequest"),
    ("Wanted", "WorkerRequest"),
    ("Stay", "Lifetime"),
    ("by_hand", "build"),
];

#[test]
fn retired_words_do_not_come_back() {
    for (name, text) in sources("gaol/src") {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            for word in words {
                if let Some((_, better)) = RETIRED.iter().find(|(retired, _)| *retired == word) {
                    panic!(
                        "gaol/src/{name}:{}: `{word}` is a word of gaol's own; the field says `{better}`",
                        number + 1
                    );
                }
            }
        }
    }
}

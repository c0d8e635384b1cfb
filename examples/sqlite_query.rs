//! Runs an untrusted query over an untrusted SQLite database, in a sandbox that may read that one file.
//!
//! ```text
//! cargo run --release --example sqlite_query [-- FILE.db "SELECT …"]
//! ```
//!
//! SQL is a language for programs: it opens other files, writes them, and computes for as long as it likes. Here SQLite forbids nothing of
//! it; the sandbox does. A database in WAL mode cannot be read without writing, which SQLite says. Without arguments a database is
//! made, ordinary and hostile queries are run over it, and it is removed. Exits with 0 if the query was answered, or every hostile one
//! refused.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use gaol::sandboxed;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection};
use serde::{Deserialize, Serialize};

#[path = "data/area.rs"]
mod area;

use area::Area;

/// What a query answers, in words.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Answers a query.
#[sandboxed(read = database, memory = "64MiB", time = "1s", reply = "1MiB")]
pub(crate) fn query(database: &Path, sql: &str) -> gaol::Result<Table> {
    select(database, sql).map_err(gaol::Error::function)
}

/// Runs statement after statement; the last that gives rows is the answer.
///
/// It is not gaol's: outside of a sandbox the query may read and write whatever the user may.
pub(crate) fn select(database: &Path, sql: &str) -> rusqlite::Result<Table> {
    let connection = Connection::open(database)?;
    // Sorting may need room, and there are no temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let mut table = Table::default();
    let mut statements = Batch::new(&connection, sql);
    while let Some(mut statement) = statements.next()? {
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|index| row.get_ref(index).map(cell)).collect())?
            .collect::<rusqlite::Result<_>>()?;
        if !columns.is_empty() {
            table = Table { columns, rows };
        }
    }
    Ok(table)
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

gaol::main! {
    fn main() -> ExitCode {
        let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let answered = match arguments.as_slice() {
            [] => demonstrate(),
            [database, sql] => answer(Path::new(database), sql),
            _ => {
                println!("usage: sqlite_query [FILE.db \"SELECT …\"]\n\nRuns a query over FILE.db, in a sandbox.");
                let asked = matches!(arguments.as_slice(), [word] if word == "--help" || word == "-h");
                return ExitCode::from(if asked { 0 } else { 2 });
            }
        };
        match answered {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn answer(database: &Path, sql: &str) -> Result<bool, Box<dyn std::error::Error>> {
    // A profile names absolute paths, and the child has another working directory.
    let database = fs::canonicalize(database).map_err(|error| format!("{}: {error}", database.display()))?;
    print(&query(&database, sql)?);
    Ok(true)
}

fn print(table: &Table) {
    const WIDEST: usize = 40;
    // What comes out of a sandbox may hold what a terminal would obey.
    let line = |cells: &[String]| -> Vec<String> { cells.iter().map(|cell| cell.escape_debug().collect()).collect() };
    let lines: Vec<Vec<String>> = std::iter::once(&table.columns).chain(&table.rows).map(|cells| line(cells)).collect();
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0).min(WIDEST))
        .collect();
    for (number, cells) in lines.iter().enumerate() {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$.width$}")).collect();
        println!("  {}", cells.join(" | ").trim_end());
        if number == 0 {
            println!("  {}", widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("-+-"));
        }
    }
}

/// A database in `area`, which a query may read, and another one beside it, which it may not.
pub(crate) fn create(area: &Path) -> rusqlite::Result<()> {
    Connection::open(area.join("towns.db"))?.execute_batch(
        "CREATE TABLE town (name TEXT, people INTEGER, founded INTEGER);
         INSERT INTO town VALUES ('Lübeck', 219000, 1143), ('Nara', 349000, 710), ('Potosí', 240000, 1545), ('Uruk', NULL, -4000);",
    )?;
    Connection::open(area.join("secrets.db"))?
        .execute_batch("CREATE TABLE secret (word TEXT); INSERT INTO secret VALUES ('swordfish')")
}

/// Reaches for other files, in words and in SQL.
pub(crate) fn escapes(area: &Path) -> Vec<(&'static str, String)> {
    let area = area.display();
    vec![
        ("read another database", format!("ATTACH '{area}/secrets.db' AS other; SELECT word FROM other.secret")),
        ("write to another database", format!("ATTACH '{area}/secrets.db' AS other; DELETE FROM other.secret")),
        ("make a file", format!("ATTACH '{area}/new.db' AS new; CREATE TABLE new.leak AS SELECT * FROM town")),
        ("copy the database elsewhere", format!("VACUUM INTO '{area}/copy.db'")),
        ("write to the database", "UPDATE town SET people = 0".to_owned()),
        ("leave a journal behind", "PRAGMA journal_mode = WAL; DROP TABLE town".to_owned()),
        (
            "fill a temporary file",
            "PRAGMA temp_store = FILE; PRAGMA temp.cache_size = 1; CREATE TEMP TABLE leak AS WITH RECURSIVE \
          n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) SELECT randomblob(1000) FROM n"
                .to_owned(),
        ),
    ]
}

/// What SQLite itself refuses, in words and in SQL.
pub(crate) const REFUSED_BY_SQLITE: [(&str, &str); 3] = [
    ("load code", "SELECT load_extension('/tmp/extension.so')"),
    ("read a file by the shell's function", "SELECT readfile('/etc/passwd')"),
    ("make 10 GB of zeros", "SELECT zeroblob(10000000000)"),
];

/// Runs longer or larger than it may, in words and in SQL.
pub(crate) const BOMBS: [(&str, &str); 4] = [
    ("count for ever", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"),
    (
        "give rows for ever",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(randomblob(9999)) FROM n",
    ),
    ("make 100 MB of noise", "SELECT length(randomblob(100000000))"),
    ("answer with 8 MB", "SELECT hex(zeroblob(4000000))"),
];

/// Makes a database, and runs ordinary and hostile queries over it. Whether every hostile one was refused.
fn demonstrate() -> Result<bool, Box<dyn std::error::Error>> {
    println!("{}", gaol::support());
    let area = Area::new("sqlite")?;
    create(area.path())?;
    let database = area.path().join("towns.db");
    for sql in [
        "SELECT name, people FROM town ORDER BY people DESC",
        "SELECT founded < 1000 AS old, count(*) AS towns, avg(people) AS people FROM town GROUP BY old",
    ] {
        println!("{sql}");
        print(&query(&database, sql)?);
        println!();
    }

    println!("What a hostile query gets:");
    let escapes = escapes(area.path());
    let escapes = escapes.iter().map(|(what, sql)| (*what, sql.as_str()));
    let mut refused_all = true;
    for (what, sql) in escapes.chain(REFUSED_BY_SQLITE).chain(BOMBS) {
        let said = match query(&database, sql) {
            Ok(table) => {
                refused_all = false;
                format!("WORKED: {} rows", table.rows.len())
            }
            Err(error) => in_short(&error),
        };
        println!("  {what:<44}{said}");
    }
    let mut left: Vec<_> =
        fs::read_dir(area.path())?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?;
    left.sort();
    println!("\nThe directory holds {left:?}, as before.");
    Ok(refused_all && left == ["secrets.db", "towns.db"])
}

/// An error in a few words: its full text names function, place and remedy.
fn in_short(error: &gaol::Error) -> String {
    match error {
        gaol::Error::Function(error) => format!("refused: {error}"),
        gaol::Error::OutOfMemory { .. } => "stopped: out of memory".to_owned(),
        gaol::Error::TimedOut { limit, .. } => format!("stopped: after {limit:?}"),
        other => format!("stopped: {other}"),
    }
}

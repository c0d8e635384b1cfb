//! Crates that people use work inside a sandbox with the obvious profile and no special case, and give what they give outside.

mod support {
    pub(crate) mod place;
}

use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use gaol::{Layer, sandboxed};
use serde::{Deserialize, Serialize};

use support::place::Place;

/// Makes the same call in both tiers.
fn in_both_tiers<T: PartialEq + std::fmt::Debug>(expected: &T, call: impl Fn() -> gaol::Result<T>) {
    assert_eq!(&call().expect("tier A"), expected, "tier A");
    let _without = gaol::controls::without(&[Layer::Namespaces]);
    assert_eq!(&call().expect("tier B"), expected, "tier B");
}

// --- image -------------------------------------------------------------------------------------------------------

/// A picture that no format stores in a trivial way.
fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(97, 61, |x, y| image::Rgb([(x * 2) as u8, (y * 4) as u8, ((x * y) % 251) as u8]))
}

fn encode(format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::from(picture()).write_to(&mut bytes, format).expect("an encoder");
    bytes.into_inner()
}

fn shrink(bytes: &[u8]) -> Result<(u32, u32, Vec<u8>), image::ImageError> {
    let image = image::load_from_memory(bytes)?.thumbnail(32, 32).into_rgb8();
    Ok((image.width(), image.height(), image.into_raw()))
}

#[sandboxed(memory = "256MiB", time = "20s")]
fn decode_bytes(bytes: &[u8]) -> gaol::Result<(u32, u32, Vec<u8>)> {
    shrink(bytes).map_err(gaol::Error::function)
}

#[sandboxed(read = path, memory = "256MiB", time = "20s")]
fn decode_file(path: &Path) -> gaol::Result<(u32, u32, Vec<u8>)> {
    let image = image::ImageReader::open(path)?.with_guessed_format()?.decode().map_err(gaol::Error::function)?;
    let image = image.thumbnail(32, 32).into_rgb8();
    Ok((image.width(), image.height(), image.into_raw()))
}

#[test]
fn image_decodes_every_format() {
    use image::ImageFormat::{Gif, Jpeg, Png, WebP};
    let place = Place::new("image");
    for format in [Png, Jpeg, Gif, WebP] {
        let bytes = encode(format);
        let expected = shrink(&bytes).expect("an image");
        in_both_tiers(&expected, || decode_bytes(&bytes));
        let path = place.path().join(format!("picture.{}", format.extensions_str()[0]));
        std::fs::write(&path, &bytes).expect("a file");
        in_both_tiers(&expected, || decode_file(&path));
    }
}

#[test]
fn image_gives_its_own_error_for_what_is_no_image() {
    let expected = shrink(b"no image").expect_err("no image").to_string();
    let got = decode_bytes(b"no image").expect_err("no image");
    let gaol::Error::Function(said) = &got else { panic!("{got:?}") };
    assert_eq!(said.message(), expected);
}

// --- serde_json --------------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Order {
    number: u64,
    note: Option<String>,
    lines: Vec<(String, f64)>,
}

const ORDER: &str = r#"{"number": 7, "note": null, "lines": [["nails", 2.5], ["H\u00e4mmer", 1e3]]}"#;

#[sandboxed]
fn parse_order(text: &str) -> gaol::Result<Order> {
    serde_json::from_str(text).map_err(gaol::Error::function)
}

#[sandboxed]
fn print_order(order: &Order) -> gaol::Result<String> {
    serde_json::to_string_pretty(order).map_err(gaol::Error::function)
}

#[test]
fn serde_json_parses_and_prints() {
    let order: Order = serde_json::from_str(ORDER).expect("JSON");
    in_both_tiers(&order, || parse_order(ORDER));
    in_both_tiers(&serde_json::to_string_pretty(&order).expect("JSON"), || print_order(&order));
}

// --- regex -------------------------------------------------------------------------------------------------------

const PATTERN: &str = r"(?i)\b([a-zß]+)@((?:[a-z0-9-]+\.)+[a-z]{2,})\b";

fn find_all(pattern: &str, text: &str) -> Result<Vec<(usize, String)>, regex::Error> {
    let pattern = regex::Regex::new(pattern)?;
    Ok(pattern.find_iter(text).map(|found| (found.start(), found.as_str().to_owned())).collect())
}

#[sandboxed(memory = "128MiB", time = "20s")]
fn search(pattern: &str, text: &str) -> gaol::Result<Vec<(usize, String)>> {
    find_all(pattern, text).map_err(gaol::Error::function)
}

#[test]
fn regex_finds_what_it_finds_outside() {
    let text = "Write to Anna@example.org or BEN@mail.example.com, not to straße@x. ".repeat(500);
    let expected = find_all(PATTERN, &text).expect("a pattern");
    assert_eq!(expected.len(), 1000);
    in_both_tiers(&expected, || search(PATTERN, &text));
}

// --- flate2 ------------------------------------------------------------------------------------------------------

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn decompress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}

#[sandboxed]
fn gzip(bytes: &[u8]) -> gaol::Result<Vec<u8>> {
    Ok(compress(bytes)?)
}

#[sandboxed]
fn gunzip(bytes: &[u8]) -> gaol::Result<Vec<u8>> {
    Ok(decompress(bytes)?)
}

#[test]
fn flate2_compresses_and_decompresses() {
    let plain: Vec<u8> = (0..1_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let packed = compress(&plain).expect("an encoder");
    in_both_tiers(&packed, || gzip(&plain));
    in_both_tiers(&plain, || gunzip(&packed));
}

// --- zip ---------------------------------------------------------------------------------------------------------

fn archive() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for name in ["a.txt", "directory/b.txt"] {
        writer.start_file(name, options).expect("an entry");
        writer.write_all(name.repeat(1000).as_bytes()).expect("its content");
    }
    writer.finish().expect("an archive").into_inner()
}

fn unpack(source: impl Read + std::io::Seek) -> zip::result::ZipResult<Vec<(String, Vec<u8>)>> {
    let mut archive = zip::ZipArchive::new(source)?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let name = entry.name()?.into_owned();
        entries.push((name, content));
    }
    Ok(entries)
}

#[sandboxed(read = path)]
fn unzip(path: &Path) -> gaol::Result<Vec<(String, Vec<u8>)>> {
    unpack(std::fs::File::open(path)?).map_err(gaol::Error::function)
}

#[sandboxed(read = path, write = into)]
fn unzip_into(path: &Path, into: &Path) -> gaol::Result<u64> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path)?).map_err(gaol::Error::function)?;
    let mut written = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(gaol::Error::function)?;
        let name = entry.enclosed_name().ok_or("a name that leads outside")?;
        let target = into.join(name);
        if let Some(parent) = target.parent().filter(|parent| *parent != into) {
            std::fs::create_dir_all(parent)?;
        }
        written += std::io::copy(&mut entry, &mut std::fs::File::create(target)?)?;
    }
    Ok(written)
}

#[test]
fn zip_lists_and_unpacks() {
    let place = Place::new("zip");
    let bytes = archive();
    let path = place.path().join("archive.zip");
    std::fs::write(&path, &bytes).expect("a file");
    let expected = unpack(Cursor::new(&bytes)).expect("an archive");
    in_both_tiers(&expected, || unzip(&path));

    let into = place.path().join("unpacked");
    in_both_tiers(&20_000, || {
        let _ = std::fs::remove_dir_all(&into);
        std::fs::create_dir_all(&into).expect("a directory");
        unzip_into(&path, &into)
    });
    let unpacked = std::fs::read(into.join("directory/b.txt")).expect("the second entry");
    assert_eq!(unpacked, "directory/b.txt".repeat(1000).as_bytes());
}

// --- rusqlite, with the C library in the program -------------------------------------------------------------------

fn create_database(path: &Path) {
    let _ = std::fs::remove_file(path);
    let mut connection = rusqlite::Connection::open(path).expect("a database");
    connection.execute_batch("CREATE TABLE town (name TEXT, people INTEGER)").expect("a table");
    let transaction = connection.transaction().expect("a transaction");
    for number in 0..1000_i64 {
        let row = (format!("town {number}"), number * number % 7919);
        transaction.execute("INSERT INTO town VALUES (?1, ?2)", row).expect("a row");
    }
    transaction.commit().expect("a commit");
}

fn largest(path: &Path) -> rusqlite::Result<Vec<(String, i64)>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    let mut statement = connection.prepare("SELECT name, people FROM town ORDER BY people DESC, name LIMIT 5")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[sandboxed(read = path)]
fn query(path: &Path) -> gaol::Result<Vec<(String, i64)>> {
    largest(path).map_err(gaol::Error::function)
}

#[sandboxed(read = directory, write = directory)]
fn insert(directory: &Path) -> gaol::Result<i64> {
    let connection = rusqlite::Connection::open(directory.join("written.db")).map_err(gaol::Error::function)?;
    connection.execute_batch("INSERT INTO town VALUES ('new', 1)").map_err(gaol::Error::function)?;
    connection.query_row("SELECT count(*) FROM town", [], |row| row.get(0)).map_err(gaol::Error::function)
}

#[sandboxed]
fn in_memory() -> gaol::Result<i64> {
    let connection = rusqlite::Connection::open_in_memory().map_err(gaol::Error::function)?;
    connection
        .query_row("SELECT sum(length(hex(randomblob(16)))) FROM (SELECT 1 UNION SELECT 2)", [], |row| row.get(0))
        .map_err(gaol::Error::function)
}

#[test]
fn rusqlite_reads_a_database_file() {
    let place = Place::new("rusqlite");
    let path = place.path().join("towns.db");
    create_database(&path);
    let expected = largest(&path).expect("rows");
    assert_eq!(expected.len(), 5);
    in_both_tiers(&expected, || query(&path));
}

#[test]
fn rusqlite_writes_a_database_file() {
    let place = Place::new("rusqlite");
    let database = place.path().join("write");
    std::fs::create_dir_all(&database).expect("a directory");
    in_both_tiers(&1001, || {
        create_database(&database.join("written.db"));
        insert(&database)
    });
}

#[test]
fn rusqlite_computes_in_memory() {
    in_both_tiers(&64, in_memory);
}

// --- rayon -------------------------------------------------------------------------------------------------------

fn sum_of_squares(numbers: &[u64]) -> u64 {
    use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
    numbers.par_iter().map(|number| number * number % 1009).sum()
}

#[sandboxed(threads = 16)]
fn add_up(numbers: &[u64]) -> gaol::Result<u64> {
    Ok(sum_of_squares(numbers))
}

#[sandboxed(threads = 16)]
fn sort(mut numbers: Vec<u64>) -> gaol::Result<Vec<u64>> {
    use rayon::slice::ParallelSliceMut;
    numbers.par_sort_unstable();
    Ok(numbers)
}

#[test]
fn rayon_computes_on_its_threads() {
    let numbers: Vec<u64> = (0..200_000).map(|number| number * 2_654_435_761 % 1_000_003).collect();
    in_both_tiers(&sum_of_squares(&numbers), || add_up(&numbers));
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    in_both_tiers(&sorted, || sort(numbers.clone()));
}

// --- tokio -------------------------------------------------------------------------------------------------------

async fn relay(words: Vec<String>) -> Vec<String> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let task = tokio::spawn(async move {
        for word in words {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            if sender.send(word.to_uppercase()).await.is_err() {
                break;
            }
        }
    });
    let mut received = Vec::new();
    while let Some(word) = receiver.recv().await {
        received.push(word);
    }
    let _ = task.await;
    received
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

#[sandboxed]
fn relay_in_a_runtime(words: Vec<String>) -> gaol::Result<Vec<String>> {
    Ok(on_a_runtime(relay(words))?)
}

#[sandboxed]
fn block_in_a_runtime(bytes: Vec<u8>) -> gaol::Result<usize> {
    Ok(on_a_runtime(async { tokio::task::spawn_blocking(move || bytes.len()).await.unwrap_or(0) })?)
}

#[sandboxed(net = format!("tcp:{port}"))]
fn ask_with_tokio(port: u16) -> gaol::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    Ok(on_a_runtime(async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"ping\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    })??)
}

#[test]
fn tokio_runs_tasks_and_timers() {
    let words: Vec<String> = ["one", "two", "three"].map(String::from).to_vec();
    let expected = on_a_runtime(relay(words.clone())).expect("a runtime");
    in_both_tiers(&expected, || relay_in_a_runtime(words.clone()));
    in_both_tiers(&3, || block_in_a_runtime(vec![1, 2, 3]));
}

#[test]
fn tokio_connects_to_a_granted_port() {
    let port = echo_upper_case();
    in_both_tiers(&"PING\n".to_owned(), || ask_with_tokio(port));
}

// --- std::net ----------------------------------------------------------------------------------------------------

/// A server that answers one line in upper case and hangs up.
fn echo_upper_case() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 64];
            let count = stream.read(&mut buffer).unwrap_or(0);
            let _ = stream.write_all(&buffer[..count].to_ascii_uppercase());
        }
    });
    port
}

fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    assert_eq!(stream.peer_addr()?.port(), port);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
    stream.write_all(b"hello\n")?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[sandboxed(net = format!("tcp:{port}"))]
fn ask_in_the_sandbox(port: u16) -> gaol::Result<String> {
    Ok(ask(port)?)
}

#[test]
fn tcp_stream_talks_to_a_granted_port() {
    let port = echo_upper_case();
    let expected = ask(port).expect("an answer");
    assert_eq!(expected, "HELLO\n");
    in_both_tiers(&expected, || ask_in_the_sandbox(port));
}

// --- chrono, with a time zone file ---------------------------------------------------------------------------------

/// A time zone file of this test's own: an offset of 05:45 all year round, as in Kathmandu.
fn zone_file(place: &Place) -> PathBuf {
    let path = place.path().join("Kathmandu");
    let block = || {
        let mut bytes = b"TZif2".to_vec();
        bytes.extend([0; 15]);
        // No UT flags, no standard flags, no leap seconds, no transitions, one type, four bytes of names.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend(20_700_i32.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(b"NPT\0");
        bytes
    };
    let file = [block(), block(), b"\n<+0545>-5:45\n".to_vec()].concat();
    std::fs::write(&path, file).expect("a file");
    path
}

fn local_noon() -> String {
    use chrono::TimeZone;
    chrono::Local.timestamp_opt(1_700_000_000, 0).single().map_or_else(String::new, |time| time.to_rfc3339())
}

#[sandboxed(read = zone, env = ["TZ"])]
fn local_time(zone: &Path) -> gaol::Result<String> {
    let _ = zone;
    Ok(local_noon())
}

/// Runs by itself in a process whose variable `TZ` names the file: a test does not change the variables of others.
#[test]
fn chrono_reads_a_granted_time_zone() {
    const INSIDE: &str = "GAOL_REAL_CRATES_ZONE";
    if let Some(zone) = std::env::var_os(INSIDE) {
        let expected = local_noon();
        assert_eq!(expected, "2023-11-15T03:58:20+05:45");
        in_both_tiers(&expected, || local_time(Path::new(&zone)));
        return;
    }
    let place = Place::new("chrono");
    let zone = zone_file(&place);
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "chrono_reads_a_granted_time_zone", "--nocapture"])
        .env(INSIDE, &zone)
        .env("TZ", format!(":{}", zone.display()))
        .output()
        .expect("this program again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

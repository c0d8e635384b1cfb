//! Arguments reach the function as they are, whatever their shape; those that cannot be sent are refused before anything runs.

#[path = "arguments/forms.rs"]
mod forms;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ffi::{CStr, OsStr};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use gaol::{Error, Layer, Outcome, sandboxed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Image {
    name: String,
    size: (u32, u32),
    pixels: Vec<[u8; 3]>,
    comment: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Line(i8, i8),
    Box { width: u64, height: u64 },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Nothing;

fn image() -> Image {
    Image { name: "cat".into(), size: (2, 1), pixels: vec![[1, 2, 3], [255, 0, 9]], comment: Some("sleeps".into()) }
}

#[sandboxed]
#[allow(clippy::too_many_arguments, reason = "one of each kind")]
fn borrowed(
    text: &str,
    bytes: &[u8],
    path: &Path,
    os: &OsStr,
    c: &CStr,
    slice: &[String],
    value: &Image,
    number: &u64,
) -> gaol::Result<String> {
    Ok(format!(
        "{text} {bytes:?} {} {} {} {slice:?} {value:?} {number}",
        path.display(),
        os.display(),
        c.to_string_lossy()
    ))
}

#[test]
fn borrowed_arguments_are_sent_by_value() {
    let slice = ["a".to_owned(), String::new()];
    for namespaces in [true, false] {
        let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
        let _guard = gaol::controls::without(without);
        let result = borrowed("t", &[1, 2], Path::new("/p"), OsStr::new("o"), c"c", &slice, &image(), &7);
        assert_eq!(result.expect("a call"), format!("t [1, 2] /p o c [\"a\", \"\"] {:?} 7", image()));
    }
}

#[sandboxed]
fn borrowed_lengths(text: &str, bytes: &[u8], path: &Path, slice: &[Shape]) -> gaol::Result<[usize; 4]> {
    Ok([text.len(), bytes.len(), path.as_os_str().len(), slice.len()])
}

#[test]
fn empty_arguments_are_empty() {
    assert_eq!(borrowed_lengths("", &[], Path::new(""), &[]).expect("a call"), [0; 4]);
}

#[test]
fn large_arguments_arrive_whole() {
    let bytes: Vec<u8> = (0..1 << 20).map(|index: u32| index.to_le_bytes()[0] ^ index.to_le_bytes()[1]).collect();
    let shapes = vec![Shape::Line(1, -1); 100_000];
    let text = "ä".repeat(1 << 19);
    let lengths = borrowed_lengths(&text, &bytes, Path::new("/x"), &shapes).expect("a call");
    assert_eq!(lengths, [1 << 20, 1 << 20, 2, 100_000]);
    assert_eq!(returns_bytes(bytes.clone()).expect("a call"), bytes);
    assert_eq!(returns_shapes(shapes.clone()).expect("a call"), shapes);
}

#[sandboxed]
fn returns_bytes(bytes: Vec<u8>) -> gaol::Result<Vec<u8>> {
    Ok(bytes)
}

#[sandboxed]
fn returns_shapes(shapes: Vec<Shape>) -> gaol::Result<Vec<Shape>> {
    Ok(shapes)
}

/// A function of one argument, which it returns.
macro_rules! round_trips {
    ($($test:ident: $type:ty = $($value:expr),+;)*) => {$(
        #[test]
        fn $test() {
            #[sandboxed]
            fn same(value: $type) -> gaol::Result<$type> {
                Ok(value)
            }
            $(
                let value: $type = $value;
                assert_eq!(same(value.clone()).expect("a call"), value);
            )+
        }
    )*};
}

round_trips! {
    bool_crosses: bool = true, false;
    small_numbers_cross: (u8, i8, u16, i16) = (0, 0, 0, 0), (u8::MAX, i8::MIN, u16::MAX, i16::MIN);
    numbers_cross: (u32, i32, u64, i64) = (u32::MAX, i32::MIN, u64::MAX, i64::MIN);
    large_numbers_cross: (u128, i128, usize, isize) = (u128::MAX, i128::MIN, usize::MAX, isize::MIN);
    floats_cross: (f32, f64) = (f32::MIN_POSITIVE, f64::INFINITY), (-0.0, 1e300);
    chars_cross: char = 'a', '\0', '\u{10ffff}';
    strings_cross: String = String::new(), "a\0b \u{1f980}".into();
    boxes_cross: Box<[u16]> = Box::new([]), Box::new([1, 2]);
    unit_crosses: () = ();
    empty_structs_cross: Nothing = Nothing;
    structs_cross: Image = image();
    enums_cross: Vec<Shape> = vec![Shape::Point, Shape::Circle(3), Shape::Line(-1, 1), Shape::Box { width: 1, height: 2 }];
    options_cross: Option<Option<u8>> = None, Some(None), Some(Some(3));
    results_cross: Result<u8, String> = Ok(1), Err("e".into());
    maps_cross: HashMap<String, Vec<Shape>> = HashMap::new(), HashMap::from([("k".into(), vec![Shape::Point])]);
    maps_with_keys_of_enums_cross: BTreeMap<Shape, (u8, Option<char>)> = BTreeMap::from([(Shape::Circle(1), (2, Some('c')))]);
    sets_cross: HashSet<Shape> = HashSet::from([Shape::Point, Shape::Circle(9)]);
    queues_cross: VecDeque<i16> = VecDeque::from([1, -2]);
    arrays_cross: [[u8; 4]; 8] = [[7; 4]; 8];
    empty_arrays_cross: [u64; 0] = [];
    paths_cross: PathBuf = PathBuf::from("/a/ b/\u{1f980}");
    times_cross: (Duration, SystemTime) = (Duration::MAX, SystemTime::UNIX_EPOCH + Duration::from_nanos(1));
    addresses_cross: (IpAddr, SocketAddr) = ("::1".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
    other_things_of_the_standard_library_cross: (NonZeroU16, RangeInclusive<u8>) = (NonZeroU16::MIN, 3..=9);
    text_that_may_be_borrowed_crosses: Cow<'static, str> = Cow::Borrowed("b"), Cow::Owned("o".into());
    many_empty_elements_cross: Vec<()> = vec![(); 60_000];
}

#[sandboxed]
fn path_bytes(path: &Path, owned: PathBuf) -> gaol::Result<(Vec<u8>, Vec<u8>)> {
    Ok((path.as_os_str().as_bytes().to_vec(), owned.as_os_str().as_bytes().to_vec()))
}

#[test]
fn a_path_that_is_no_text_keeps_its_bytes() {
    let (path, owned) = (b"/\xff\xfe", b"/\xc3");
    let crossed = path_bytes(Path::new(OsStr::from_bytes(path)), Path::new(OsStr::from_bytes(owned)).to_owned());
    assert_eq!(crossed.expect("a call"), (path.to_vec(), owned.to_vec()));
}

#[sandboxed]
fn os_bytes(text: &OsStr) -> gaol::Result<Vec<u8>> {
    Ok(text.as_bytes().to_vec())
}

#[test]
fn an_os_string_keeps_its_bytes() {
    assert_eq!(os_bytes(OsStr::from_bytes(b"\xff\x00\xfe")).expect("a call"), b"\xff\x00\xfe");
}

#[sandboxed]
fn mutable(mut list: Vec<u8>, mut count: u8) -> gaol::Result<Vec<u8>> {
    while count > 0 {
        list.push(count);
        count -= 1;
    }
    Ok(list)
}

#[sandboxed]
fn taken_apart((left, [first, ..]): (u8, [u8; 3]), Nothing: Nothing, _: String, _unused: u8) -> gaol::Result<u8> {
    Ok(left * 10 + first)
}

#[test]
fn parameters_may_be_mutable_and_patterns() {
    let list = vec![9];
    assert_eq!(mutable(list, 2).expect("a call"), [9, 2, 1]);
    assert_eq!(taken_apart((4, [2, 0, 0]), Nothing, "x".into(), 1).expect("a call"), 42);
}

#[sandboxed]
#[allow(clippy::too_many_arguments, reason = "that is the claim")]
fn sixteen(
    a: u8,
    b: u16,
    c: u32,
    d: u64,
    e: i8,
    f: i16,
    g: i32,
    h: i64,
    i: &str,
    j: String,
    k: &[u8],
    l: Option<u8>,
    m: (u8, u8),
    n: bool,
    o: char,
    p: f64,
) -> gaol::Result<String> {
    Ok(format!("{a} {b} {c} {d} {e} {f} {g} {h} {i} {j} {k:?} {l:?} {m:?} {n} {o} {p}"))
}

#[sandboxed]
fn none() -> gaol::Result<u8> {
    Ok(1)
}

#[test]
fn there_may_be_none_or_sixteen() {
    assert_eq!(none().expect("a call"), 1);
    let result = sixteen(1, 2, 3, 4, 5, 6, 7, 8, "i", "j".into(), &[11], Some(12), (13, 0), true, 'o', 1.5);
    assert_eq!(result.expect("a call"), "1 2 3 4 5 6 7 8 i j [11] Some(12) (13, 0) true o 1.5");
}

/// A value that holds another, and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Onion(Option<Box<Onion>>);

fn onion(layers: usize) -> Onion {
    (0..layers).fold(Onion(None), |inner, _| Onion(Some(Box::new(inner))))
}

#[sandboxed]
fn peel(onion: Onion) -> gaol::Result<usize> {
    Ok(std::iter::successors(Some(&onion), |onion| onion.0.as_deref()).count() - 1)
}

#[sandboxed]
fn grow(layers: usize) -> gaol::Result<Onion> {
    Ok(onion(layers))
}

fn refused<T: std::fmt::Debug>(result: gaol::Result<T>) -> String {
    match result {
        Err(error @ Error::Arguments { .. }) => {
            assert_eq!(error.outcome(), Outcome::NotRun);
            error.to_string()
        }
        other => panic!("expected a refusal of the arguments, not {other:?}"),
    }
}

#[test]
fn nesting_has_an_end() {
    assert_eq!(peel(onion(60)).expect("a call"), 60);
    assert!(refused(peel(onion(1000))).contains("deeper than 128 levels"));
    assert_eq!(grow(60).expect("a call"), onion(60));
    let error = grow(1000).expect_err("too deep a result");
    assert!(error.to_string().contains("deeper than 128 levels"), "{error}");
}

#[test]
fn elements_without_content_are_counted() {
    #[sandboxed]
    fn count(values: Vec<()>) -> gaol::Result<usize> {
        Ok(values.len())
    }
    assert_eq!(count(vec![(); 65_000]).expect("a call"), 65_000);
    let message = refused(count(vec![(); 1 << 20]));
    assert!(message.contains("elements without content"), "{message}");
}

#[sandboxed(memory = "8MiB")]
fn has_little_room(bytes: &[u8]) -> gaol::Result<usize> {
    Ok(bytes.len())
}

#[test]
fn arguments_larger_than_the_childs_memory_are_refused() {
    assert_eq!(has_little_room(&[1; 1 << 20]).expect("a call"), 1 << 20);
    let message = refused(has_little_room(&vec![1; 9 << 20]));
    assert!(message.contains("8388608 bytes of memory") && message.contains("`memory = …`"), "{message}");
    assert!(message.starts_with("`arguments::has_little_room` (tests/arguments.rs:"), "{message}");
    assert_eq!(has_little_room(&[1; 10]).expect("the next call"), 10);
}

#[sandboxed(memory = "8MiB")]
fn has_little_room_for_texts(texts: &[String]) -> gaol::Result<usize> {
    Ok(texts.len())
}

#[test]
fn arguments_that_fit_and_leave_no_room_are_a_want_of_memory() {
    // What is in shared memory is copied once; what is in the frame is there twice while it is decoded.
    assert_eq!(has_little_room(&vec![1; 7 << 20]).expect("a call"), 7 << 20);
    match has_little_room_for_texts(&vec!["x".repeat(32 << 10); 7 * 32]) {
        Err(Error::OutOfMemory { limit: Some(limit), .. }) => assert_eq!(limit, 8 << 20),
        other => panic!("expected a want of memory, not {other:?}"),
    }
}

/// A value that cannot be written.
#[derive(Debug)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("has no form"))
    }
}

impl<'de> Deserialize<'de> for Unwritable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self)
    }
}

#[sandboxed]
fn takes_unwritable(_value: Unwritable) -> gaol::Result<()> {
    Ok(())
}

#[sandboxed]
fn gives_unwritable() -> gaol::Result<Unwritable> {
    Ok(Unwritable)
}

#[test]
fn what_serde_cannot_write_is_refused_in_its_words() {
    assert!(refused(takes_unwritable(Unwritable)).contains("has no form"));
    let error = gives_unwritable().expect_err("a result that cannot be written");
    assert!(matches!(error, Error::Result { .. }) && error.to_string().contains("has no form"), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Ran);
}

fn crosses<T: Serialize + DeserializeOwned>(_: &T) {}

#[test]
fn what_is_shared_is_refused_by_the_compiler_or_copied() {
    // `Rc` is serde's only where its feature `rc` is on; a value beside it is copied.
    let shared = Rc::new(5_u8);
    crosses(&*shared);
    #[sandboxed]
    fn takes_a_copy(value: &u8) -> gaol::Result<u8> {
        Ok(*value + 1)
    }
    assert_eq!(takes_a_copy(&shared).expect("a call"), 6);
    assert_eq!(*shared, 5);
}

//! What serde's attributes and the standard library's types come to in a call: what was meant arrives, or an error names parameter, type and
//! way out. `docs/serde.md` lists them, each with its test here.
#![allow(
    clippy::boxed_local,
    clippy::type_complexity,
    clippy::reversed_empty_ranges,
    reason = "what crosses is what these types are"
)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI8, NonZeroU64, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, SystemTime};

use gaol::{Error, Outcome, sandboxed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Functions that give back what they take.
macro_rules! echoes {
    ($($name:ident: $type:ty;)*) => {$(
        #[sandboxed]
        fn $name(value: $type) -> gaol::Result<$type> {
            Ok(value)
        }
    )*};
}

/// Functions that take a value and give none, and functions that give one and take what it is made of.
macro_rules! one_way {
    ($($takes:ident, $gives:ident: $type:ty = $value:expr;)*) => {$(
        #[sandboxed]
        fn $takes(value: $type) -> gaol::Result<()> {
            let _ = value;
            unreachable!("the function began");
        }

        #[sandboxed]
        fn $gives() -> gaol::Result<$type> {
            Ok($value)
        }
    )*};
}

/// The call comes back with the value.
#[track_caller]
fn arrives<T: PartialEq + Debug>(result: gaol::Result<T>, expected: T) {
    assert_eq!(result.expect("a call"), expected);
}

/// The call was refused before the function began, with these words.
#[track_caller]
fn is_refused<T: Debug>(result: gaol::Result<T>, words: &[&str]) {
    match result {
        Err(error @ Error::Arguments { .. }) => {
            assert_eq!(error.outcome(), Outcome::NotRun);
            let message = error.to_string();
            for word in ["parameter `value`"].iter().chain(words) {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
        other => panic!("expected a refusal, not {other:?}"),
    }
}

/// The function ran, and its result did not cross, with these words.
#[track_caller]
fn is_lost<T: Debug>(result: gaol::Result<T>, words: &[&str]) {
    match result {
        Err(error @ Error::Result { .. }) => {
            assert_eq!(error.outcome(), Outcome::Ran);
            let message = error.to_string();
            for word in ["its result"].iter().chain(words) {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
        other => panic!("expected an error of the result, not {other:?}"),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum SkippedFirst {
    #[serde(skip)]
    #[allow(dead_code)]
    Internal,
    Read,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum SkippedLast {
    Read,
    Delete,
    #[serde(skip)]
    #[allow(dead_code)]
    Internal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum SkippedOneWay {
    #[serde(skip_serializing)]
    Unsent,
    #[serde(skip_deserializing)]
    Unread,
    Plain,
}

one_way! {
    takes_skipped_first, gives_skipped_first: SkippedFirst = SkippedFirst::Read;
    takes_one_way, gives_one_way: SkippedOneWay = SkippedOneWay::Unsent;
    takes_unread, gives_unread: SkippedOneWay = SkippedOneWay::Unread;
}

echoes! {
    skipped_last: SkippedLast;
}

/// The example of the report: `Read` was sent, and `Delete` arrived.
#[test]
fn a_variant_behind_a_skipped_one_is_refused() {
    for operation in [SkippedFirst::Read, SkippedFirst::Delete] {
        let name = format!("`SkippedFirst::{operation:?}`");
        is_refused(takes_skipped_first(operation), &["SkippedFirst`)", &name, "`skip`", "stand last"]);
    }
    is_lost(gives_skipped_first(), &["`SkippedFirst::Read`", "`skip`"]);
}

#[test]
fn a_variant_before_a_skipped_one_arrives() {
    arrives(skipped_last(SkippedLast::Read), SkippedLast::Read);
    arrives(skipped_last(SkippedLast::Delete), SkippedLast::Delete);
}

#[test]
fn a_variant_that_one_side_skips_is_refused() {
    is_refused(takes_one_way(SkippedOneWay::Unsent), &["SkippedOneWay::Unsent cannot be serialized"]);
    is_refused(
        takes_one_way(SkippedOneWay::Unread),
        &["`SkippedOneWay` writes variant number 1", "`skip_deserializing`"],
    );
    is_refused(takes_one_way(SkippedOneWay::Plain), &["`SkippedOneWay::Plain`", "stand last"]);
    is_lost(gives_one_way(), &["SkippedOneWay::Unsent cannot be serialized"]);
    is_lost(gives_unread(), &["`SkippedOneWay` writes variant number 1"]);
    assert!(takes_unread(SkippedOneWay::Plain).is_err());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip)]
    cache: u8,
    kept: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    perhaps: Option<u8>,
    #[serde(default, skip_serializing)]
    defaulted: u16,
    last: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unwritten {
    #[serde(skip_serializing)]
    a: u8,
    b: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unread {
    #[serde(skip_deserializing)]
    a: u8,
    b: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Exchanged {
    #[serde(skip_serializing)]
    a: u8,
    #[serde(skip_deserializing)]
    b: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SkippingTuple(#[serde(skip_serializing)] u8, u8, u8);

echoes! {
    skipping: Skipping;
}

one_way! {
    takes_unwritten, gives_unwritten: Unwritten = Unwritten { a: 1, b: 2 };
    takes_unread_field, gives_unread_field: Unread = Unread { a: 1, b: 2 };
    takes_exchanged, gives_exchanged: Exchanged = Exchanged { a: 1, b: 2 };
    takes_skipping_tuple, gives_skipping_tuple: SkippingTuple = SkippingTuple(1, 2, 3);
}

#[test]
fn a_field_that_both_sides_skip_is_its_default() {
    let value = Skipping { cache: 9, kept: 1, perhaps: Some(2), defaulted: 0, last: 3 };
    arrives(skipping(value.clone()), Skipping { cache: 0, ..value });
}

#[test]
fn a_field_that_is_left_out_now_and_then_is_none_or_its_default() {
    for perhaps in [None, Some(2)] {
        let value = Skipping { cache: 0, kept: 1, perhaps, defaulted: 7, last: 3 };
        arrives(skipping(value.clone()), Skipping { defaulted: 0, ..value });
    }
}

#[test]
fn a_field_that_one_side_skips_is_refused() {
    is_refused(takes_unwritten(Unwritten { a: 1, b: 2 }), &["Unwritten`", "field `a`", "`skip_serializing`"]);
    is_refused(takes_unread_field(Unread { a: 1, b: 2 }), &["`Unread` writes more fields", "`skip_deserializing`"]);
    is_refused(takes_exchanged(Exchanged { a: 1, b: 2 }), &["`Exchanged` writes another field where it reads `a`"]);
    is_refused(takes_skipping_tuple(SkippingTuple(1, 2, 3)), &["SkippingTuple`"]);
    is_lost(gives_unwritten(), &["field `a`"]);
    is_lost(gives_unread_field(), &["`Unread` writes more fields"]);
    is_lost(gives_exchanged(), &["`Exchanged`"]);
    assert!(gives_skipping_tuple().is_err());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename = "other", deny_unknown_fields, bound = "")]
struct Renamed {
    #[serde(rename = "b")]
    a: u8,
    #[serde(rename = "a", alias = "z", alias = "A")]
    b: u8,
    long_name: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum RenamedVariants {
    #[serde(alias = "one", alias = "first")]
    One,
    #[serde(rename_all = "camelCase")]
    Two { first_field: u8 },
    #[serde(rename = "three", alias = "3")]
    Four(u8),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "UPPERCASE"))]
struct RenamedOnOneSide {
    a: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum VariantRenamedOnOneSide {
    #[serde(rename(deserialize = "read"))]
    Read,
}

echoes! {
    renamed: Renamed;
    renamed_variants: RenamedVariants;
}

one_way! {
    takes_renamed, gives_renamed: RenamedOnOneSide = RenamedOnOneSide { a: 1 };
    takes_renamed_variant, gives_renamed_variant: VariantRenamedOnOneSide = VariantRenamedOnOneSide::Read;
}

#[test]
fn what_both_sides_rename_arrives() {
    let value = Renamed { a: 1, b: 2, long_name: 3 };
    arrives(renamed(value.clone()), value);
    for value in [RenamedVariants::One, RenamedVariants::Two { first_field: 2 }, RenamedVariants::Four(4)] {
        arrives(renamed_variants(value.clone()), value);
    }
}

#[test]
fn what_one_side_renames_is_refused() {
    is_refused(takes_renamed(RenamedOnOneSide { a: 1 }), &["`RenamedOnOneSide` writes another field", "`rename`"]);
    is_refused(
        takes_renamed_variant(VariantRenamedOnOneSide::Read),
        &["`VariantRenamedOnOneSide` writes variant number 0", "`rename`"],
    );
    is_lost(gives_renamed(), &["`RenamedOnOneSide`"]);
    is_lost(gives_renamed_variant(), &["`VariantRenamedOnOneSide`"]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum WithOther {
    Known,
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum UnreadWithOther {
    Known,
    #[serde(skip_deserializing)]
    New,
    #[serde(other)]
    Other,
}

echoes! {
    with_other: WithOther;
}

one_way! {
    takes_unread_with_other, gives_unread_with_other: UnreadWithOther = UnreadWithOther::New;
}

#[test]
fn other_is_no_variant_but_itself() {
    arrives(with_other(WithOther::Known), WithOther::Known);
    arrives(with_other(WithOther::Other), WithOther::Other);
    is_refused(takes_unread_with_other(UnreadWithOther::New), &["`UnreadWithOther` writes variant number 1"]);
    is_lost(gives_unread_with_other(), &["`UnreadWithOther` writes variant number 1"]);
    assert_ne!(UnreadWithOther::Known, UnreadWithOther::Other);
}

mod as_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct With {
    #[serde(with = "as_text")]
    number: u32,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithOnOneSide {
    #[serde(serialize_with = "as_text::serialize")]
    number: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
struct Even(u32);

impl From<Even> for u32 {
    fn from(even: Even) -> Self {
        even.0
    }
}

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "u32", from = "i32")]
struct IntoAnother(i32);

impl From<IntoAnother> for u32 {
    fn from(value: IntoAnother) -> Self {
        value.0.unsigned_abs()
    }
}

impl From<i32> for IntoAnother {
    fn from(value: i32) -> Self {
        Self(value)
    }
}

echoes! {
    with: With;
    even: Even;
}

one_way! {
    takes_with_on_one_side, gives_with_on_one_side: WithOnOneSide = WithOnOneSide { number: 300 };
    takes_into_another, gives_into_another: IntoAnother = IntoAnother(2);
}

#[test]
fn with_on_both_sides_arrives() {
    let value = With { number: 300, bytes: vec![1, 2, 255] };
    arrives(with(value.clone()), value);
}

#[test]
fn with_on_one_side_is_refused() {
    is_refused(takes_with_on_one_side(WithOnOneSide { number: 300 }), &["WithOnOneSide`"]);
    is_lost(gives_with_on_one_side(), &["WithOnOneSide`", "`with`"]);
}

#[test]
fn from_and_into_the_same_type_arrive() {
    arrives(even(Even(4)), Even(4));
}

#[test]
fn from_and_into_other_types_are_refused() {
    is_refused(takes_into_another(IntoAnother(2)), &["IntoAnother`", "`from` or `into`"]);
    is_lost(gives_into_another(), &["IntoAnother`", "`from` or `into`"]);
}

/// What the type itself refuses to read, it was not to be made of.
#[test]
fn what_try_from_refuses_is_refused_in_its_words() {
    is_refused(even(Even(3)), &["Even`", "3 is odd"]);
}

mod elsewhere {
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Foreign {
        number: u8,
    }

    impl Foreign {
        pub(super) fn new(number: u8) -> Self {
            Self { number }
        }

        pub(super) fn number(&self) -> u8 {
            self.number
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "elsewhere::Foreign")]
struct Remote {
    #[serde(getter = "elsewhere::Foreign::number")]
    number: u8,
}

impl From<Remote> for elsewhere::Foreign {
    fn from(remote: Remote) -> Self {
        Self::new(remote.number)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HoldsForeign {
    #[serde(with = "Remote")]
    foreign: elsewhere::Foreign,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    number: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Defaulted {
    a: u8,
    #[serde(skip_serializing_if = "is_default")]
    b: u16,
}

fn is_default(number: &u16) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct MayBorrow {
    text: std::borrow::Cow<'static, str>,
}

echoes! {
    remote: HoldsForeign;
    transparent: Transparent;
    defaulted: Defaulted;
    may_borrow: MayBorrow;
}

#[test]
fn remote_types_with_getters_arrive() {
    let value = HoldsForeign { foreign: elsewhere::Foreign::new(7) };
    arrives(remote(value.clone()), value);
}

#[test]
fn transparent_types_arrive() {
    arrives(transparent(Transparent { number: 300 }), Transparent { number: 300 });
}

#[test]
fn defaults_stand_in_for_what_is_left_out() {
    for b in [0, 5] {
        arrives(defaulted(Defaulted { a: 1, b }), Defaulted { a: 1, b });
    }
}

#[test]
fn what_may_borrow_arrives_owned() {
    arrives(may_borrow(MayBorrow { text: "text".into() }), MayBorrow { text: "text".into() });
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of")]
enum Adjacent {
    Unit,
    Number(u8),
    Pair(u8, u8),
    Fields { a: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Fields { a: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum PartlyUntagged {
    Tagged(u8),
    #[serde(untagged)]
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    number: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
struct TaggedStruct {
    a: u8,
}

echoes! {
    adjacent: Adjacent;
    tagged_struct: TaggedStruct;
}

one_way! {
    takes_internal, gives_internal: Internal = Internal::Fields { a: 1 };
    takes_untagged, gives_untagged: Untagged = Untagged::Number(1);
    takes_partly_untagged, gives_partly_untagged: PartlyUntagged = PartlyUntagged::Tagged(1);
    takes_flattened, gives_flattened: Flattened = Flattened { inner: Inner { number: 1 } };
    takes_json, gives_json: serde_json::Value = serde_json::json!({"a": [1, "b", null]});
    takes_nested_json, gives_nested_json: Vec<(u8, serde_json::Value)> = vec![(1, serde_json::Value::Null)];
}

#[test]
fn tag_with_content_arrives() {
    for value in [Adjacent::Unit, Adjacent::Number(1), Adjacent::Pair(2, 3)] {
        arrives(adjacent(value.clone()), value);
    }
}

/// serde reads these as it reads an untagged variant.
#[test]
fn tag_with_content_of_named_fields_is_refused() {
    is_refused(adjacent(Adjacent::Fields { a: 4 }), &["Adjacent`", "`tag`", "as text"]);
}

#[test]
fn tag_without_content_is_refused() {
    is_refused(takes_internal(Internal::Fields { a: 1 }), &["Internal`", "`tag`", "as text"]);
    is_lost(gives_internal(), &["Internal`", "`tag`"]);
}

/// A tag on a struct is written, and nobody reads it.
#[test]
fn tag_on_a_struct_is_refused() {
    is_refused(tagged_struct(TaggedStruct { a: 1 }), &["`TaggedStruct` writes more fields than it reads"]);
}

#[test]
fn untagged_is_refused() {
    is_refused(takes_untagged(Untagged::Text("x".into())), &["Untagged`", "`untagged`", "as text"]);
    is_refused(takes_partly_untagged(PartlyUntagged::Tagged(1)), &["PartlyUntagged`", "`untagged`"]);
    is_lost(gives_untagged(), &["Untagged`", "`untagged`"]);
    is_lost(gives_partly_untagged(), &["`untagged`"]);
}

#[test]
fn flatten_is_refused() {
    let value = Flattened { inner: Inner { number: 1 } };
    is_refused(takes_flattened(value), &["Flattened`", "`flatten`"]);
    is_lost(gives_flattened(), &["Flattened`", "`flatten`"]);
}

#[test]
fn a_value_of_any_type_is_refused() {
    is_refused(takes_json(serde_json::json!([1, 2])), &["serde_json::value::Value`", "as text"]);
    is_refused(takes_nested_json(vec![(1, serde_json::json!("x"))]), &["serde_json::value::Value", "as text"]);
    is_lost(gives_json(), &["serde_json::value::Value`", "as text"]);
    is_lost(gives_nested_json(), &["as text"]);
}

echoes! {
    path: PathBuf;
    perhaps_path: Option<PathBuf>;
    path_in_a_tuple: (u8, PathBuf);
    os_string: OsString;
    c_string: CString;
    os_strings: Vec<OsString>;
}

one_way! {
    takes_paths, gives_paths: Vec<PathBuf> = vec![PathBuf::from(OsString::from_vec(vec![0xff]))];
}

#[sandboxed]
fn borrowed_path(value: &Path) -> gaol::Result<PathBuf> {
    Ok(value.to_owned())
}

#[test]
fn a_path_that_is_not_text_arrives() {
    let value = PathBuf::from(OsString::from_vec(b"/a\xff/\xc3".to_vec()));
    arrives(path(value.clone()), value.clone());
    arrives(borrowed_path(&value), value.clone());
    arrives(perhaps_path(Some(value.clone())), Some(value.clone()));
    arrives(path_in_a_tuple((1, value.clone())), (1, value));
    arrives(path(PathBuf::new()), PathBuf::new());
}

#[test]
fn a_path_that_is_not_text_inside_of_data_is_refused() {
    let value = vec![PathBuf::from(OsString::from_vec(vec![0xff]))];
    is_refused(takes_paths(value), &["PathBuf", "invalid UTF-8"]);
    is_lost(gives_paths(), &["PathBuf", "invalid UTF-8"]);
}

#[test]
fn names_of_any_bytes_arrive() {
    let value = OsString::from_vec(vec![0xff, 0, b'a']);
    arrives(os_string(value.clone()), value.clone());
    arrives(os_strings(vec![value.clone(); 2]), vec![value; 2]);
    let value = CString::new(vec![0xff, b'a']).expect("it has no NUL");
    arrives(c_string(value.clone()), value);
}

echoes! {
    addresses: (IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6);
    boxed_address: Box<SocketAddr>;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HoldsAddress {
    text: String,
    peers: HashMap<u8, Vec<Option<SocketAddr>>>,
}

one_way! {
    takes_address, gives_address: SocketAddr = scoped().into();
    takes_addresses, gives_addresses: HoldsAddress = holds_address(Some(scoped().into()));
    takes_boxed_address, gives_boxed_address: Box<SocketAddrV6> = Box::new(scoped());
}

echoes! {
    holds: HoldsAddress;
}

fn scoped() -> SocketAddrV6 {
    SocketAddrV6::new("fe80::1".parse().expect("an address"), 80, 0, 3)
}

fn holds_address(address: Option<SocketAddr>) -> HoldsAddress {
    // A text that looks like one is none.
    HoldsAddress { text: scoped().to_string(), peers: HashMap::from([(1, vec![None, address])]) }
}

#[test]
fn addresses_arrive() {
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0);
    let value = (IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST, SocketAddr::from(([10, 0, 0, 1], 1)), v6);
    arrives(addresses(value), value);
    arrives(boxed_address(Box::new(v6.into())), Box::new(v6.into()));
    for value in [holds_address(None), holds_address(Some(v6.into()))] {
        arrives(holds(value.clone()), value);
    }
}

#[test]
fn an_address_with_a_scope_is_refused() {
    is_refused(takes_address(scoped().into()), &["SocketAddr`", "scope", "as text"]);
    is_refused(takes_boxed_address(Box::new(scoped())), &["SocketAddrV6", "scope"]);
    is_refused(takes_addresses(holds_address(Some(scoped().into()))), &["HoldsAddress`", "scope"]);
    is_lost(gives_address(), &["scope"]);
    is_lost(gives_boxed_address(), &["scope"]);
    is_lost(gives_addresses(), &["scope"]);
}

/// serde writes it nowhere, not even for people, so that nothing tells that it was there.
#[test]
fn the_flow_of_an_address_is_lost() {
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 5, 0);
    let without = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0);
    let rest = (IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST, SocketAddr::from(([10, 0, 0, 1], 1)));
    arrives(addresses((rest.0, rest.1, rest.2, v6)), (rest.0, rest.1, rest.2, without));
}

echoes! {
    times: (SystemTime, Duration);
}

one_way! {
    takes_time, gives_time: SystemTime = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
}

#[test]
fn times_and_durations_arrive() {
    for value in [
        (SystemTime::UNIX_EPOCH, Duration::ZERO),
        (SystemTime::UNIX_EPOCH + Duration::new(2_000_000_000, 999_999_999), Duration::MAX),
    ] {
        arrives(times(value), value);
    }
}

#[test]
fn a_time_before_1970_is_refused() {
    is_refused(takes_time(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), &["SystemTime`", "later than UNIX_EPOCH"]);
    is_lost(gives_time(), &["SystemTime`", "later than UNIX_EPOCH"]);
}

echoes! {
    floats: (f32, f64, Vec<f64>);
    wide: (i128, u128, char, bool);
    special_numbers: (NonZeroU64, NonZeroI8, Wrapping<u8>, Saturating<i16>);
    ranges: (Range<u8>, RangeInclusive<i64>, RangeFrom<u8>, RangeTo<u8>, (Bound<u8>, Bound<u8>));
    options: (Option<()>, Option<Option<u8>>, (), PhantomData<String>, Option<Option<Option<()>>>);
    results: Vec<Result<u8, String>>;
    boxes: (Box<str>, Box<[u8]>, Box<Option<u8>>, Box<[String]>);
    own_hasher: HashMap<String, u8, BuildHasherDefault<DefaultHasher>>;
}

#[test]
fn floats_arrive_bit_by_bit() {
    let (single, double) = (f32::from_bits(0x7fc0_1234), f64::from_bits(0xfff8_dead_beef_0001));
    let (a, b, c) = floats((single, double, vec![double, -0.0])).expect("a call");
    assert_eq!((a.to_bits(), b.to_bits()), (single.to_bits(), double.to_bits()));
    assert_eq!(c.iter().map(|float| float.to_bits()).collect::<Vec<_>>(), [double.to_bits(), (-0.0_f64).to_bits()]);
}

#[test]
fn wide_numbers_and_letters_arrive() {
    for value in [(i128::MIN, u128::MAX, char::MAX, true), (0, 0, '\0', false)] {
        arrives(wide(value), value);
    }
}

#[test]
fn numbers_with_a_meaning_arrive() {
    let value = (NonZeroU64::MAX, NonZeroI8::MIN, Wrapping(200), Saturating(i16::MIN));
    arrives(special_numbers(value), value);
}

#[test]
fn ranges_and_bounds_arrive() {
    let value = (1..2, -1..=i64::MAX, 3.., ..4, (Bound::Included(1), Bound::Unbounded));
    arrives(ranges(value.clone()), value);
    let value = (2..1, 1..=0, 0.., ..0, (Bound::Excluded(1), Bound::Included(9)));
    arrives(ranges(value.clone()), value);
}

/// In JSON `Some(None)` is `null`, as `None` is.
#[test]
fn nested_options_and_units_arrive() {
    let value = (Some(()), Some(None), (), PhantomData, Some(Some(None)));
    arrives(options(value), value);
    let value = (None, Some(Some(1)), (), PhantomData, Some(None));
    arrives(options(value), value);
}

#[test]
fn results_arrive() {
    let value = vec![Ok(1), Err("no".to_owned())];
    arrives(results(value.clone()), value);
}

#[test]
fn boxes_arrive() {
    let value = ("text".into(), vec![1, 2].into(), Box::new(None), vec!["a".to_owned()].into());
    arrives(boxes(value.clone()), value);
}

#[test]
fn a_map_with_its_own_hasher_arrives() {
    let value: HashMap<_, _, _> = [("a".to_owned(), 1), ("b".to_owned(), 2)].into_iter().collect();
    arrives(own_hasher(value.clone()), value);
}

echoes! {
    cells: (Cell<u8>, RefCell<u8>);
    locks: (Mutex<u8>, RwLock<u8>, AtomicU32);
}

#[sandboxed]
fn takes_a_borrowed_cell(value: &RefCell<u8>) -> gaol::Result<u8> {
    Ok(*value.borrow())
}

#[sandboxed]
fn takes_a_poisoned_lock(value: &Mutex<u8>) -> gaol::Result<u8> {
    Ok(value.lock().map_or(0, |value| *value))
}

#[test]
fn cells_and_locks_arrive_as_what_they_hold() {
    let (cell, other) = cells((Cell::new(1), RefCell::new(2))).expect("a call");
    assert_eq!((cell.get(), *other.borrow()), (1, 2));
    let (mutex, lock, atomic) = locks((Mutex::new(1), RwLock::new(2), AtomicU32::new(3))).expect("a call");
    assert_eq!((mutex.into_inner().ok(), lock.into_inner().ok(), atomic.into_inner()), (Some(1), Some(2), 3));
}

#[test]
fn a_cell_that_is_borrowed_or_a_lock_that_is_poisoned_is_refused() {
    let cell = RefCell::new(1);
    assert_eq!(takes_a_borrowed_cell(&cell).expect("the control"), 1);
    let _guard = cell.borrow_mut();
    is_refused(takes_a_borrowed_cell(&cell), &["RefCell<u8>", "already mutably borrowed"]);

    let lock = Mutex::new(1);
    assert_eq!(takes_a_poisoned_lock(&lock).expect("the control"), 1);
    std::thread::scope(|scope| {
        let poisoner = scope.spawn(|| {
            let _guard = lock.lock();
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(poisoner.join().is_err());
    });
    is_refused(takes_a_poisoned_lock(&lock), &["Mutex<u8>", "poison"]);
}

/// An error of the function's own that is serde's.
#[derive(Debug, Serialize, Deserialize)]
enum OwnError {
    #[serde(skip)]
    #[allow(dead_code)]
    Internal,
    Read,
    Gaol(String),
}

impl From<Error> for OwnError {
    fn from(error: Error) -> Self {
        Self::Gaol(format!("{:?} {error}", error.outcome()))
    }
}

#[sandboxed]
fn fails_in_its_own_way() -> Result<(), OwnError> {
    Err(OwnError::Read)
}

#[test]
fn an_error_whose_halves_disagree_is_told_as_lost() {
    let Err(OwnError::Gaol(message)) = fails_in_its_own_way() else { panic!("it cannot cross") };
    assert!(
        message.starts_with("Ran ") && message.contains("its error") && message.contains("`OwnError::Read`"),
        "{message}"
    );
}

/// A type whose reading half looks at where it runs.
#[derive(Debug, Serialize)]
struct OnlyOutside(u8);

impl<'de> Deserialize<'de> for OnlyOutside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        if Path::new("/proc/self/exe").exists() { Ok(Self(number)) } else { Err(serde::de::Error::custom("not here")) }
    }
}

#[sandboxed]
fn takes_only_outside(value: OnlyOutside) -> gaol::Result<u8> {
    Ok(value.0)
}

/// The word of a child does not make it so: it may have run the function before it said that it did not.
#[test]
fn a_child_that_alone_cannot_read_is_not_believed() {
    match takes_only_outside(OnlyOutside(1)) {
        Err(error @ Error::Protocol { .. }) => {
            assert_eq!(error.outcome(), Outcome::Unknown);
            assert!(error.to_string().contains("here they can"), "{error}");
        }
        other => panic!("expected disbelief, not {other:?}"),
    }
}

/// The refusal does not depend on where the blocks beside the value are.
#[test]
fn a_long_block_beside_what_is_refused_changes_nothing() {
    #[sandboxed]
    fn takes_both(bytes: &[u8], value: SkippedFirst, text: &str) -> gaol::Result<usize> {
        let _ = value;
        Ok(bytes.len() + text.len())
    }
    let (bytes, text) = (vec![7; 1 << 20], "x".repeat(1 << 20));
    for _ in 0..3 {
        is_refused(takes_both(&bytes, SkippedFirst::Read, &text), &["`SkippedFirst::Read`"]);
    }
}

/// `process = "reused"`: the worker is another one afterwards, and the calls that follow are none the worse.
#[test]
fn a_kept_worker_that_cannot_read_is_told_alike() {
    #[sandboxed(process = "reused")]
    fn kept(value: SkippedOneWay) -> gaol::Result<SkippedOneWay> {
        Ok(value)
    }
    #[sandboxed(process = "reused")]
    fn kept_gives() -> gaol::Result<SkippedFirst> {
        Ok(SkippedFirst::Read)
    }
    for _ in 0..3 {
        is_refused(kept(SkippedOneWay::Unread), &["`SkippedOneWay` writes variant number 1"]);
        is_lost(kept_gives(), &["`SkippedFirst::Read`"]);
    }
}

//! What a sandboxed function returns as tainted stays so until it is verified, wherever it stands and wherever it is sent.

use std::collections::BTreeMap;

use gaol::{Error, Layer, Outcome, Taint, Tainted, reason, sandboxed};
use serde::{Deserialize, Serialize};

/// What a parser makes of an untrusted file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Taint)]
struct Document {
    title: String,
    size: (u32, u32),
    links: Vec<String>,
    comment: Option<String>,
}

fn document() -> Document {
    Document {
        title: "a title".to_owned(),
        size: (640, 480),
        links: vec!["https://example.com".to_owned(), "javascript:alert(1)".to_owned()],
        comment: None,
    }
}

#[sandboxed]
fn parse() -> gaol::Result<Tainted<Document>> {
    Ok(document().into())
}

fn trusted<T>(tainted: Tainted<T>) -> T {
    tainted.trust_because(reason!("the test compares it with what it expects"))
}

#[test]
fn a_result_is_verified_or_refused() {
    for without in [&[][..], &[Layer::Namespaces]] {
        let _guard = gaol::controls::without(without);
        let title = parse().expect("a call").verify(|document| match document.size {
            (width, height) if width * height < 1_000_000 => Ok(document.title),
            size => Err(size),
        });
        assert_eq!(title, Ok("a title".to_owned()));
        let refused =
            parse().expect("a call").verify(|document| if document.links.is_empty() { Ok(()) } else { Err("links") });
        assert_eq!(refused, Err("links"));
    }
}

#[test]
fn a_result_is_looked_at_and_stays_tainted() {
    let document = parse().expect("a call");
    let title: Result<&str, ()> = document.verify_ref(|document| Ok(document.title.as_str()));
    assert_eq!(title, Ok("a title"));
    assert_eq!(trusted(document), self::document());
}

#[test]
fn a_result_is_taken_apart_field_by_field() {
    let TaintedDocument { title, size, links, comment } = parse().expect("a call").split();
    let title = title.verify(|title| if title.is_ascii() { Ok(title) } else { Err(title) });
    assert_eq!(title.as_deref(), Ok("a title"));
    let (width, height) = size.split();
    assert_eq!((trusted(width), trusted(height)), (640, 480));
    let https = |link: String| if link.starts_with("https://") { Ok(link) } else { Err(link) };
    let links: Vec<String> = links.into_iter().filter_map(|link| link.verify(https).ok()).collect();
    assert_eq!(links, ["https://example.com"]);
    assert!(comment.transpose().is_none());
}

#[test]
fn printing_a_result_prints_nothing_of_it() {
    let document = parse().expect("a call");
    assert_eq!(format!("{document:?}"), format!("Tainted<{}>(..)", std::any::type_name::<Document>()));
    let printed = format!("{:?}", TaintedDocument::from(document));
    assert!(printed.starts_with("TaintedDocument { title: Tainted<alloc::string::String>(..), size: "), "{printed}");
    assert!(!printed.contains("a title"), "{printed}");
}

/// Every place where serde has room for a value.
#[derive(Serialize, Deserialize)]
struct Everywhere {
    field: Tainted<u8>,
    list: Vec<Tainted<String>>,
    option: Option<Tainted<Tainted<u8>>>,
    tuple: (Tainted<u8>, u8),
    choice: Choice,
    map: BTreeMap<String, Tainted<Choice>>,
    boxed: Box<Tainted<[u16; 2]>>,
    result: Result<Tainted<()>, Tainted<String>>,
    list_inside: Tainted<Vec<u8>>,
    option_inside: Tainted<Option<u8>>,
    newtype: Newtype,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Number(u8);

#[derive(Serialize, Deserialize)]
struct Newtype(Tainted<Number>);

#[derive(Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(Tainted<u8>),
    Two(Tainted<u8>, Tainted<bool>),
    Named { name: Tainted<String> },
}

fn everywhere() -> Everywhere {
    Everywhere {
        field: 1.into(),
        list: vec!["a".to_owned().into(), String::new().into()],
        option: Some(Tainted::new(2.into())),
        tuple: (3.into(), 4),
        choice: Choice::Two(5.into(), true.into()),
        map: BTreeMap::from([
            ("none".to_owned(), Tainted::new(Choice::Nothing)),
            ("one".to_owned(), Tainted::new(Choice::One(6.into()))),
            ("named".to_owned(), Tainted::new(Choice::Named { name: "n".to_owned().into() })),
        ]),
        boxed: Box::new([7, 8].into()),
        result: Err("e".to_owned().into()),
        list_inside: vec![9, 10].into(),
        option_inside: Some(11).into(),
        newtype: Newtype(Number(12).into()),
    }
}

#[sandboxed]
fn returns_everywhere(sent: Everywhere) -> gaol::Result<Everywhere> {
    assert_everywhere(sent);
    Ok(everywhere())
}

fn assert_everywhere(mut value: Everywhere) {
    assert_eq!(trusted(value.field), 1);
    assert_eq!(value.list.into_iter().map(trusted).collect::<Vec<_>>(), ["a", ""]);
    assert_eq!(trusted(value.option.expect("there is one").flatten()), 2);
    assert_eq!((trusted(value.tuple.0), value.tuple.1), (3, 4));
    let Choice::Two(five, yes) = value.choice else { panic!("another variant") };
    assert_eq!((trusted(five), trusted(yes)), (5, true));
    let mut entry = |key: &str| trusted(value.map.remove(key).expect("it is there"));
    assert!(matches!(entry("none"), Choice::Nothing));
    assert!(matches!(entry("one"), Choice::One(six) if trusted(six) == 6));
    assert!(matches!(entry("named"), Choice::Named { name } if trusted(name.clone()) == "n"));
    assert_eq!(trusted(*value.boxed), [7, 8]);
    assert_eq!(value.result.map_err(trusted).map(trusted), Err("e".to_owned()));
    assert_eq!(trusted(value.list_inside), [9, 10]);
    assert_eq!(value.option_inside.transpose().map(trusted), Some(11));
    assert_eq!(trusted(value.newtype.0), Number(12));
}

#[test]
fn it_crosses_in_every_place_in_both_directions() {
    assert_everywhere(returns_everywhere(everywhere()).expect("a call"));
}

/// The second stage: what it is given is no better than what the first one read.
#[sandboxed]
fn render(document: Tainted<Document>, width: &Tainted<u32>) -> gaol::Result<Tainted<String>> {
    let document = document.trust_because(reason!("this process can do nothing with it but return it"));
    let width = width.verify_ref(|width| usize::try_from(*width)).expect("a small number");
    Ok(format!("{:.width$}", document.title).into())
}

#[sandboxed]
fn count(texts: Vec<Tainted<String>>) -> gaol::Result<Tainted<usize>> {
    let texts = texts.into_iter().map(|text| text.trust_because(reason!("counted, nothing else")));
    Ok(texts.map(|text| text.len()).sum::<usize>().into())
}

#[test]
fn a_pipeline_keeps_it_tainted_from_stage_to_stage() {
    let document = parse().expect("the first stage");
    let rendered = render(document.clone(), &Tainted::new(3)).expect("the second stage");
    let links = document.split().links.into_iter();
    let length = count(links.chain([rendered]).collect()).expect("the third stage");
    assert_eq!(length.verify(|length| if length < 100 { Ok(length) } else { Err(length) }), Ok(19 + 19 + 3));
}

#[derive(Debug, Serialize, Deserialize)]
enum ParseError {
    Sandbox(String),
    At { offset: Tainted<usize> },
}

impl From<Error> for ParseError {
    fn from(error: Error) -> Self {
        Self::Sandbox(error.to_string())
    }
}

#[sandboxed]
fn fails(offset: usize) -> Result<(), ParseError> {
    Err(ParseError::At { offset: offset.into() })
}

#[test]
fn an_error_may_hold_tainted_parts() {
    match fails(7) {
        Err(ParseError::At { offset }) => assert_eq!(trusted(offset), 7),
        other => panic!("expected the function's error, not {other:?}"),
    }
}

#[sandboxed(reply = "1KiB")]
fn returns_too_much() -> gaol::Result<Tainted<Vec<u8>>> {
    Ok(vec![0; 4096].into())
}

#[test]
fn the_limits_hold_for_it_too() {
    let error = returns_too_much().expect_err("more than a KiB");
    assert!(error.to_string().contains("1024 bytes"), "{error}");
    assert_ne!(error.outcome(), Outcome::NotRun);
}

#[sandboxed]
fn writes_json(text: Tainted<String>) -> gaol::Result<String> {
    Ok(match serde_json::to_string(&text) {
        Ok(json) => json,
        Err(error) => error.to_string(),
    })
}

const ELSEWHERE: &str =
    "tainted data can be sent to a sandbox and nowhere else; call `verify` or `trust_because` first";

#[test]
fn no_other_format_writes_it() {
    let json = |value: &dyn Fn() -> serde_json::Result<String>| value().expect_err("it is tainted").to_string();
    let document = parse().expect("a call");
    assert_eq!(json(&|| serde_json::to_string(&document)), ELSEWHERE);
    assert_eq!(json(&|| serde_json::to_string(&vec![document.as_ref()])), ELSEWHERE);
    assert_eq!(json(&|| serde_json::to_value(everywhere()).map(|value| value.to_string())), ELSEWHERE);
    let error = toml::to_string(&BTreeMap::from([("key", Tainted::new(1))])).expect_err("it is tainted");
    assert!(error.to_string().contains(ELSEWHERE), "{error}");

    // A control: it is the mark that is refused, not the value.
    serde_json::to_string(&trusted(document)).expect("a plain document");
    // The same in a child, and right after the codec has read it there.
    assert_eq!(writes_json("secret".to_owned().into()).expect("a call"), ELSEWHERE);
}

/// A value that writes its tainted part in another format while it is itself sent.
struct Smuggler(Tainted<String>);

impl Serialize for Smuggler {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Smuggler {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

#[sandboxed]
fn takes_smuggler(_value: (Tainted<u8>, Smuggler)) -> gaol::Result<()> {
    Ok(())
}

#[test]
fn no_other_format_writes_it_while_it_is_sent() {
    let error = takes_smuggler((1.into(), Smuggler("secret".to_owned().into()))).expect_err("JSON inside an argument");
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert!(error.to_string().contains(ELSEWHERE), "{error}");
}

#[test]
fn no_other_format_reads_it() {
    let elsewhere = "tainted data is received from a sandbox and nowhere else";
    let error = serde_json::from_str::<Tainted<u8>>("1").expect_err("it comes from no sandbox");
    assert!(error.to_string().contains(elsewhere), "{error}");
    let error = serde_json::from_str::<Vec<Tainted<u8>>>("[1]").expect_err("it comes from no sandbox");
    assert!(error.to_string().contains(elsewhere), "{error}");
    let error = toml::from_str::<BTreeMap<String, Tainted<u8>>>("a = 1").expect_err("it comes from no sandbox");
    assert!(error.to_string().contains(elsewhere), "{error}");
}

//! A profile that stands in a file is the one that holds.

mod support {
    pub(crate) mod place;
}

use gaol::{Layer, Profile, ProfileError, sandboxed};
use serde::Deserialize;

use support::place::Place;

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

/// An application's own file, with a profile in it.
#[derive(Deserialize)]
struct Settings {
    quality: u8,
    converter: Profile,
}

#[test]
fn a_profile_stands_among_an_applications_settings() {
    let place = Place::new("settings");
    let file = place.path().join("settings.toml");
    let text = r#"
        quality = 80

        [converter]
        exec = "/usr/bin/convert"
        read = ["/srv/uploads", "literal:/etc/mime.types"]
        memory = "512MiB"
        threads = 4
    "#;
    std::fs::write(&file, text).expect("a file");
    let settings: Settings =
        toml::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("the settings of an application");
    assert_eq!(settings.quality, 80);
    assert_eq!(
        settings.converter.to_string(),
        r#"read = ["/srv/uploads", "literal:/etc/mime.types"], exec = "/usr/bin/convert", memory = "512MiB", threads = 4"#
    );
    let written = serde_json::to_string_pretty(&settings.converter).expect("a file can hold it");
    assert_eq!(serde_json::from_str::<Profile>(&written).expect("it reads back"), settings.converter);
}

#[sandboxed(net = "tcp:443", read = ["/usr/share", "literal:/etc/hosts"], env = "LANG", cpu = "1500ms", files = "none", stderr = "null")]
fn listed() -> gaol::Result<()> {
    Ok(())
}

#[test]
fn the_profile_of_a_function_can_be_written() {
    listed().expect("it does nothing");
    let function = gaol::profiles().find(|function| function.name().ends_with("listed")).expect("it is in this binary");
    let written = serde_json::to_string(function.profile()).expect("a file can hold it");
    assert_eq!(
        written,
        r#"{"read":["/usr/share","literal:/etc/hosts"],"net":["tcp:443"],"env":["LANG"],"cpu":"1500ms","files":"none","stderr":"null"}"#
    );
    let read_back: Profile = serde_json::from_str(&written).expect("it reads back");
    assert_eq!(read_back.to_string(), function.profile().to_string());
}

#[test]
fn reading_does_not_ask_whether_a_path_is_there() {
    let profile: Profile = serde_json::from_str(r#"{"read": "/no/such/place"}"#).expect("it is not looked up");
    in_each_tier(|| {
        let error = profile.check().expect_err("it is looked up now");
        assert!(matches!(error, ProfileError::Path { .. }), "{error}");
    });
}

#[test]
fn reading_does_not_ask_what_the_system_can_allow() {
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    let profile: Profile = serde_json::from_str(r#"{"exec": "/bin/cat"}"#).expect("the system is not asked");
    let error = profile.check().expect_err("a program sees all metadata where there are no namespaces");
    assert!(
        matches!(&error, ProfileError::Unsupported(unsupported) if unsupported.layer == Layer::Namespaces),
        "{error}"
    );
}

#[test]
fn a_command_keeps_to_the_profile_of_a_file() {
    let place = Place::new("file");
    let (granted, other) = (place.path().join("granted"), place.path().join("other"));
    std::fs::write(&granted, "granted").expect("a file");
    std::fs::write(&other, "other").expect("a file");
    // Without namespaces a program sees all metadata, and the profile has to say so.
    let text = format!("exec = \"/bin/cat\"\nmetadata = \"/\"\nread = \"literal:{}\"\n", granted.display());
    let profile: Profile = toml::from_str(&text).expect("a profile");
    in_each_tier(|| {
        let output = profile.command("/bin/cat").arg(&granted).output().expect("a command");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"granted");

        let output = profile.command("/bin/cat").arg(&other).output().expect("a command");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Permission denied"), "{said}");
    });
}

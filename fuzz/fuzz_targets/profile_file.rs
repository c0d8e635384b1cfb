//! Profiles from files: JSON, TOML and the codec's own bytes. What is accepted is written, and reads back as the same.
#![no_main]

use gaol::Profile;
use gaol_fuzz::memory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((format, data)) = data.split_first() else { return };
    // The formats' own trees and messages, and a profile's operations, each of a path of at least one byte.
    let profile = memory::within((256 << 10) + 1024 * data.len(), || match format % 3 {
        0 => serde_json::from_slice::<Profile>(data).ok(),
        1 => std::str::from_utf8(data).ok().and_then(|text| toml::from_str::<Profile>(text).ok()),
        _ => gaol::fuzz::decode::<Profile>(data).ok(),
    });
    let Some(profile) = profile else { return };

    let json = serde_json::to_string(&profile).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<Profile>(&json).expect("what was written can be read"), profile);
    let toml = toml::to_string(&profile).expect("what was read can be written");
    assert_eq!(toml::from_str::<Profile>(&toml).expect("what was written can be read"), profile);
    let bytes = gaol::fuzz::encode(&profile, u64::MAX).expect("what was read can be written");
    assert_eq!(gaol::fuzz::decode::<Profile>(&bytes).expect("what was written can be read"), profile);

    // It prints as an attribute, which says the same.
    let printed = profile.to_string();
    let expanded = gaol_macros_plain::plain::sandboxed(
        printed.parse().expect("it prints as tokens"),
        "fn f() -> gaol::Result<()> { Ok(()) }".parse().expect("tokens"),
    );
    let expanded = expanded.to_string();
    assert!(!refused(&expanded) || is_redundant(&expanded), "{printed}\n{expanded}");
    // No key is written that the profile does not need.
    assert_eq!(printed.is_empty(), profile == Profile::NOTHING);
});

fn refused(expanded: &str) -> bool {
    expanded.contains("compile_error")
}

/// The attribute also refuses what says nothing: a path beneath another, CPU time that the deadline never leaves room for.
fn is_redundant(expanded: &str) -> bool {
    expanded.contains("is already covered by") || expanded.contains("is never reached within")
}

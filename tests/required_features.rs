//! What a run requires of its machine is there: a missing feature fails here, instead of quietly leaving tests out.

use gaol::Layer;

/// `GAOL_REQUIRE=namespaces,landlock,seccomp` is what `.ci/run` says. Without it nothing is required, and this prints what is there.
#[test]
fn the_features_that_this_run_requires_are_there() {
    let support = gaol::support();
    println!("{support}");
    let required = std::env::var("GAOL_REQUIRE").unwrap_or_default();
    for name in required.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let layer = Layer::ALL
            .into_iter()
            .find(|layer| layer.to_string().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| panic!("GAOL_REQUIRE names `{name}`, which is no layer: {:?}", Layer::ALL));
        assert!(support.has(layer), "this run requires {layer}: {:?}", support.layer(layer));
    }
    if required.to_ascii_lowercase().contains("landlock") {
        assert!(
            support.landlock_abi() >= 6,
            "ports need Landlock ABI 4, scopes 6; this kernel has {}",
            support.landlock_abi()
        );
    }
}

//! Runs a test in both tiers, and as whoever matters.
#![allow(dead_code, reason = "each test uses what it needs")]

use gaol::Layer;

use super::alone::{Alone, User};

/// In both tiers, with whether it is the one with namespaces.
pub(crate) fn in_each_tier(test: impl Fn(bool)) {
    if gaol::support().has(Layer::Namespaces) {
        test(true);
    } else {
        eprintln!("tier A is left out: there are no namespaces here");
    }
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test(false);
}

/// As whoever runs the tests, and as somebody without privileges. `name` is the test's own.
pub(crate) fn as_each_user(name: &'static str, test: fn()) {
    test();
    if let Some(alone) = Alone::new(name).user(User::Nobody) {
        alone.run(test);
    }
}

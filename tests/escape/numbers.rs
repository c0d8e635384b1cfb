//! The numbers of the matrix: each is tried by a row here, shown by a test elsewhere that is named, or said not to be promised.

use std::collections::BTreeSet;

/// Every number that an attack has, below those of our own, which begin at 200.
#[rustfmt::skip]
const NUMBERS: &[u16] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 33, 34, 35, 36, 37, 38, 40, 41,
    42, 43, 44, 45, 47, 48, 49, 50, 52, 54, 55, 57, 58, 59, 60, 61, 62, 63, 64, 65, 67, 68, 70, 71, 73, 74, 75, 76, 77, 78, 79, 80,
    81, 83, 84, 85, 86, 87, 88, 89, 91, 92, 93, 94, 95, 97, 98, 99, 100, 101, 103, 104, 105, 107, 108, 109, 110, 111, 112, 113, 115,
    116, 117, 118, 121, 122, 124, 127, 128, 130, 131, 132, 134, 135, 136,
];

/// What a row cannot show, because it happens to the application: the number, the file, and the test.
const ELSEWHERE: &[(u16, &str, &str)] = &[
    // One ruleset of Landlock more than a process can have.
    (84, "tests/activations/rulesets.rs", "sixteen_can_be_entered_and_the_seventeenth_is_named"),
    // Others who reap the application's children.
    (130, "tests/lifecycle.rs", "ignored_sigchld_changes_nothing"),
    (130, "tests/lifecycle.rs", "a_thread_that_reaps_every_child_changes_nothing"),
    (130, "tests/lifecycle.rs", "gaols_processes_are_no_children_of_the_application"),
    // The application is killed in the middle of a call.
    (135, "tests/lifecycle.rs", "a_killed_application_leaves_nothing_behind"),
    (135, "tests/lifecycle.rs", "a_killed_application_in_tier_b_leaves_nothing_behind"),
    // A layer is missing, or is refused halfway.
    (136, "tests/missing_layers.rs", "without_user_namespaces_the_other_layers_refuse_the_same"),
    (136, "tests/missing_layers.rs", "without_landlock_what_needs_it_does_not_run"),
    (136, "tests/missing_layers.rs", "landlock_that_fails_halfway_is_no_landlock"),
    (136, "tests/missing_layers.rs", "without_seccomp_nothing_runs"),
];

/// What is not promised: the number, and the words in SECURITY.md that say so.
const NOT_PROMISED: &[(u16, &str)] = &[
    (85, "**Side and covert channels.** The child has clocks, caches and load."),
    (98, "`net = \"tcp:443\"` is port 443 of every host"),
];

/// Whether the matrix has a number.
pub(super) fn is_listed(number: u16) -> bool {
    NUMBERS.contains(&number)
}

/// Which numbers a run has tried, and what becomes of the others.
pub(super) fn coverage(tried: &BTreeSet<u16>) -> String {
    let covered = NUMBERS.iter().filter(|number| tried.contains(number)).count();
    let mut text = format!("{covered} of {} numbers of the matrix", NUMBERS.len());
    for number in NUMBERS.iter().filter(|number| !tried.contains(number)) {
        let elsewhere: Vec<&str> =
            ELSEWHERE.iter().filter(|(listed, ..)| listed == number).map(|(_, _, test)| *test).collect();
        let documented = NOT_PROMISED.iter().find(|(listed, _)| listed == number);
        text += &match documented {
            Some((_, words)) => format!("\n  {number} is documented only: {words}"),
            None if elsewhere.is_empty() => format!("\n  {number} is not tried"),
            None => format!("\n  {number} is tried elsewhere: {}", elsewhere.join(", ")),
        };
    }
    text
}

fn text_of(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_number_is_tried_here_shown_elsewhere_or_not_promised() {
    let elsewhere = ELSEWHERE.iter().map(|(number, _, _)| *number);
    let not_promised = NOT_PROMISED.iter().map(|(number, _)| *number);
    let mut answered: Vec<u16> = super::rows().iter().map(|row| row.number).collect();
    answered.extend(elsewhere.chain(not_promised));
    let missing: Vec<_> = NUMBERS.iter().filter(|number| !answered.contains(number)).collect();
    assert!(missing.is_empty(), "nothing answers for {missing:?}");
    let strange: Vec<_> = answered.iter().filter(|number| **number < 200 && !NUMBERS.contains(number)).collect();
    assert!(strange.is_empty(), "the matrix has no {strange:?}");
}

#[test]
fn what_is_shown_elsewhere_is_there() {
    for (number, file, test) in ELSEWHERE {
        let text = text_of(file);
        // A function, or a name that a macro makes one of.
        let named = [format!("fn {test}("), format!("{test}, "), format!("{test}:")];
        assert!(named.iter().any(|form| text.contains(form.as_str())), "{number}: {file} has no test {test}");
    }
}

#[test]
fn what_is_not_promised_is_said_so() {
    let security = text_of("SECURITY.md");
    for (number, words) in NOT_PROMISED {
        assert!(security.contains(words), "{number}: SECURITY.md does not say: {words}");
    }
}

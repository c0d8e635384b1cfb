//! What each duration, size and count reads as, and what each mistake is told.

use super::*;

#[test]
fn reads_durations() {
    for (text, expected) in [
        ("1ms", Some(Duration::from_millis(1))),
        ("500ms", Some(Duration::from_millis(500))),
        ("2s", Some(Duration::from_secs(2))),
        ("002s", Some(Duration::from_secs(2))),
        ("5min", Some(Duration::from_secs(300))),
        ("1h", Some(Duration::from_secs(3600))),
        ("4294967295s", Some(Duration::from_secs(4_294_967_295))),
        ("none", None),
    ] {
        assert_eq!(parse_duration(text), Ok(expected), "{text}");
    }
}

#[test]
fn each_mistake_in_a_duration_has_its_message() {
    for (text, message) in [
        ("", "the duration is empty; expected a whole number and a unit, such as `2s`"),
        ("2", "`2` has no unit; expected one of `ms`, `s`, `min`, `h`, as in `2s`"),
        ("2 s", "`2 s` contains a space; write `2s`"),
        ("2s ", "`2s ` contains a space; write `2s`"),
        ("-2s", "`-2s` is negative; expected a whole number and a unit, such as `2s`"),
        ("+2s", "`+2s` is not a duration; expected a whole number and a unit, such as `2s`"),
        ("1.5s", "`1.5s` is a fraction; write `1500ms`"),
        ("1.5h", "`1.5h` is a fraction; write `90min`"),
        ("0,25min", "`0,25min` is a fraction; write `15s`"),
        ("0.5ms", "`0.5ms` is a fraction; expected a whole number and a unit, such as `2s`"),
        // The divisor is past the last number.
        (
            "0.0000000000000000001min",
            "`0.0000000000000000001min` is a fraction; expected a whole number and a unit, such as `2s`",
        ),
        // What it is in milliseconds is more than a duration may be.
        ("9999992999998,2s", "`9999992999998,2s` is a fraction; expected a whole number and a unit, such as `2s`"),
        ("1.5", "`1.5` is a fraction; expected a whole number and a unit, such as `2s`"),
        ("0s", "`0s` leaves nothing to run with; expected at least `1ms`, or `none` for no limit"),
        ("2sec", "`sec` is not a unit of a duration; write `2s`"),
        ("2m", "`m` is not a unit of a duration; write `2min`"),
        ("2d", "`d` in `2d` is not a unit of a duration; expected `ms`, `s`, `min`, `h`"),
        ("2us", "`us` in `2us` is not a unit of a duration; expected `ms`, `s`, `min`, `h`"),
        ("4294967296s", "`4294967296s` is too large; expected at most `4294967295s`, or `none` for no limit"),
        (
            "99999999999999999999999s",
            "`99999999999999999999999s` is too large; expected at most `4294967295s`, or `none` for no limit",
        ),
        ("forever", "`forever` is not a duration; expected a whole number and a unit, such as `2s`"),
        ("None", "`None` is not a duration; expected a whole number and a unit, such as `2s`"),
    ] {
        assert_eq!(parse_duration(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn reads_sizes() {
    for (text, expected) in [
        ("1B", Some(1)),
        ("64KiB", Some(64 << 10)),
        ("256MiB", Some(256 << 20)),
        ("1GiB", Some(1 << 30)),
        ("2TiB", Some(2 << 40)),
        ("8388607TiB", Some(8_388_607 << 40)),
        ("none", None),
    ] {
        assert_eq!(parse_size(text), Ok(expected), "{text}");
    }
}

#[test]
fn each_mistake_in_a_size_has_its_message() {
    for (text, message) in [
        ("", "the size is empty; expected a whole number and a unit, such as `2MiB`"),
        ("256", "`256` has no unit; expected one of `B`, `KiB`, `MiB`, `GiB`, `TiB`, as in `256MiB`"),
        ("256 MiB", "`256 MiB` contains a space; write `256MiB`"),
        ("-1MiB", "`-1MiB` is negative; expected a whole number and a unit, such as `2MiB`"),
        ("1.5GiB", "`1.5GiB` is a fraction; write `1536MiB`"),
        ("0.1MiB", "`0.1MiB` is a fraction; expected a whole number and a unit, such as `2MiB`"),
        ("64KB", "`64KB` could mean powers of 1000 or of 1024; write `64KiB` for 1024"),
        ("256MB", "`256MB` could mean powers of 1000 or of 1024; write `256MiB` for 1024"),
        ("256M", "`M` is not a unit of a size; write `256MiB`"),
        ("256mib", "`mib` is not a unit of a size; write `256MiB`"),
        ("1PiB", "`PiB` in `1PiB` is not a unit of a size; expected `B`, `KiB`, `MiB`, `GiB`, `TiB`"),
        ("0B", "`0B` leaves nothing to run with; expected at least `1B`, or `none` for no limit"),
        ("8388608TiB", "`8388608TiB` is too large; expected at most `8388607TiB`, or `none` for no limit"),
        ("lots", "`lots` is not a size; expected a whole number and a unit, such as `2MiB`"),
    ] {
        assert_eq!(parse_size(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn reads_counts() {
    for (text, expected) in [("none", None), ("1", Some(1)), ("64", Some(64)), ("4294967295", Some(4_294_967_295))] {
        assert_eq!(parse_count(text), Ok(expected), "{text}");
    }
}

#[test]
fn each_mistake_in_a_count_has_its_message() {
    let not_a_count = |text| format!("`{text}` is not a count; expected a whole number such as `64`, or `none`");
    for text in ["", "many", "-1", "1.5", "+1", "6 4"] {
        assert_eq!(parse_count(text).unwrap_err().to_string(), not_a_count(text));
    }
    let zero = "a count of `0` leaves nothing to run with; expected at least `1`";
    let large = "the count is too large; expected at most `4294967295`, or `\"none\"` for no limit";
    assert_eq!(parse_count("0").unwrap_err().to_string(), zero);
    assert_eq!(parse_count("4294967296").unwrap_err().to_string(), large);
    assert_eq!(parse_count("99999999999999999999999").unwrap_err().to_string(), large);
}

#[test]
fn values_that_are_not_text_have_the_same_bounds() {
    assert_eq!(check_duration(Duration::from_nanos(1)), Ok(Duration::from_nanos(1)));
    assert_eq!(
        check_duration(Duration::ZERO).unwrap_err().to_string(),
        "a duration of zero leaves nothing to run with; expected at least `1ms`, or `none` for no limit"
    );
    assert_eq!(
        check_duration(Duration::MAX).unwrap_err().to_string(),
        format!("`{:?}` is too large; expected at most `4294967295s`, or `none` for no limit", Duration::MAX)
    );
    assert_eq!(check_size(1), Ok(1));
    assert_eq!(
        check_size(0).unwrap_err().to_string(),
        "a size of zero leaves nothing to run with; expected at least `1B`, or `none` for no limit"
    );
    assert_eq!(
        check_size(u64::MAX).unwrap_err().to_string(),
        "`18446744073709551615B` is too large; expected at most `8388607TiB`, or `none` for no limit"
    );
    assert_eq!(check_count(1), Ok(1));
}

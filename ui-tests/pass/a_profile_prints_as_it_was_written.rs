#![deny(warnings)]

use gaol::sandboxed;

/// The attribute with these values, and their text as it stands there.
macro_rules! written {
    ($name:ident, $text:literal, $($values:tt)*) => {
        #[sandboxed($($values)*)]
        fn $name() -> gaol::Result<()> {
            Ok(())
        }
        let _function: fn() -> gaol::Result<()> = $name;
        let mut entries = gaol::profiles();
        let entry = entries.find(|entry| entry.name().ends_with(concat!("::", stringify!($name)))).unwrap();
        assert_eq!(entry.profile().to_string(), $text);
    };
}

fn main() {
    written!(
        every_operation,
        r#"read = ["/data", "literal:/etc/hosts"], write = "/srv", metadata = "/", exec = "/bin/true", net = ["udp:53", "unix:/run/x.sock"], listen = "all", system = "info", env = "TZ", threads = 2"#,
        read = ["/data", "literal:/etc/hosts"],
        write = "/srv",
        metadata = "/",
        exec = "/bin/true",
        net = ["udp:53", "unix:/run/x.sock"],
        listen = "all",
        system = "info",
        env = "TZ",
        threads = 2,
    );
    written!(
        awkward_paths,
        r#"read = ["/a \"b\"", "literal:/c\\d", "/\n"], net = "unix:/\u{200b}""#,
        read = ["/a \"b\"", r"literal:/c\d", "/\n"],
        net = "unix:/\u{200b}",
    );
}

//! What each shape of function and argument becomes. `UPDATE_EXPECT=1 cargo test -p gaol-macros` records anew.

use expect_test::{Expect, expect};

use super::expanded;

fn check(attribute: &str, item: &str, expected: Expect) {
    expected.assert_eq(&expanded(attribute, item));
}

/// Only the lines that hold one of the words: for the parts that the first snapshot does not show.
fn check_lines(attribute: &str, item: &str, words: &[&str], expected: Expect) {
    let lines: Vec<String> = expanded(attribute, item)
        .lines()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn a_whole_function() {
    check(
        r#"read = "/srv/uploads", memory = "256MiB", time = "2s""#,
        "/// Decodes.\n#[inline]\npub fn thumbnail(path: &Path, mut width: u32) -> gaol::Result<Thumbnail> { decode(path, width) }",
        expect![[r#"
            /// Decodes.
            #[inline]
            pub fn thumbnail(path: &Path, width: u32) -> gaol::Result<Thumbnail> {
                #[allow(clippy::unnecessary_wraps)]
                fn __gaol_body(path: &Path, mut width: u32) -> gaol::Result<Thumbnail> {
                    decode(path, width)
                }
                static __GAOL_OPERATIONS: [::gaol::__private::Operation; 1usize] = [
                    ::gaol::__private::Operation::FileReadAll(
                        ::gaol::__private::PathPattern::Subpath(
                            ::gaol::__private::ProfilePath::from_checked("/srv/uploads"),
                        ),
                    ),
                ];
                static __GAOL_ENVIRONMENT: [::gaol::__private::Cow<'static, str>; 0usize] = [];
                static __GAOL_ENTRY: ::gaol::__private::Entry = ::gaol::__private::Entry::new(
                    ::gaol::__private::concat!(::gaol::__private::module_path!(), "::", "thumbnail"),
                    ::gaol::__private::file!(),
                    ::gaol::__private::line!(),
                    ::gaol::__private::column!(),
                    "fn(&Path, u32) -> gaol::Result<Thumbnail>",
                    ::gaol::__private::Profile::from_parts(
                        &__GAOL_OPERATIONS,
                        &__GAOL_ENVIRONMENT,
                        ::gaol::__private::Limits::from_parts(
                            ::gaol::__private::Option::Some(::gaol::__private::Duration::new(2, 0)),
                            ::gaol::__private::Option::None,
                            ::gaol::__private::Option::Some(268435456),
                            ::gaol::__private::Option::Some(256),
                            ::gaol::__private::Option::Some(64),
                            ::gaol::__private::Option::Some(1073741824),
                            ::gaol::__private::Option::Some(67108864),
                        ),
                        ::gaol::__private::Output::Capture,
                        ::gaol::__private::Output::Capture,
                        ::gaol::__private::Process::Fresh,
                        ::gaol::__private::Violation::Deny,
                    ),
                    &[],
                    __gaol_serve,
                );
                #[allow(clippy::type_complexity)]
                fn __gaol_errors() -> ::gaol::__private::ErrorCodec<
                    <gaol::Result<Thumbnail> as ::gaol::__private::Returned>::Err,
                > {
                    #[allow(unused_imports)]
                    use ::gaol::__private::{CodecDisplay as _, CodecError as _, CodecSerde as _};
                    (&&&::gaol::__private::ErrorType::<
                        <gaol::Result<Thumbnail> as ::gaol::__private::Returned>::Err,
                    >::NEW)
                        .codec()
                }
                #[allow(clippy::type_complexity, unused_variables)]
                fn __gaol_serve(
                    request: ::gaol::__private::Request<'_>,
                ) -> ::gaol::__private::Reply {
                    #[allow(unused_imports)]
                    use ::gaol::__private::{
                        Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                        WayOfSerde as _,
                    };
                    ::gaol::__private::serve(
                        request,
                        |reader| ::gaol::__private::Ok((
                            ::gaol::__private::Place::new(
                                (&&&&::gaol::__private::Way::<Path>::NEW)
                                    .codec()
                                    .decode_as("parameter `path`", reader)?,
                            ),
                            ::gaol::__private::Place::new(
                                (&&&&::gaol::__private::Way::<u32>::NEW)
                                    .codec()
                                    .decode_as("parameter `width`", reader)?,
                            ),
                        )),
                        |
                            (
                                a0,
                                a1,
                            ): &mut (
                                ::gaol::__private::Place<<Path as ::gaol::__private::Sent>::Owned>,
                                ::gaol::__private::Place<u32>,
                            )|
                        __gaol_body(<Path as ::gaol::__private::Sent>::lend(a0.lend()), a1.take()),
                        |
                            value,
                            (
                                a0,
                                a1,
                            ): &mut (
                                ::gaol::__private::Place<<Path as ::gaol::__private::Sent>::Owned>,
                                ::gaol::__private::Place<u32>,
                            ),
                            writer|
                        {
                            (&&&&::gaol::__private::Way::<Thumbnail>::NEW)
                                .codec()
                                .encode_as("its result", value, writer)?;
                            ::gaol::__private::Ok(())
                        },
                        __gaol_errors(),
                    )
                }
                ::gaol::__private::submit! {
                    ::gaol::__private::Registration::new(& __GAOL_ENTRY)
                }
                ::gaol::__private::assert_crosses::<<Path as ::gaol::__private::Sent>::Owned>();
                ::gaol::__private::assert_crosses::<u32>();
                ::gaol::__private::assert_crosses::<Thumbnail>();
                #[allow(unused_imports)]
                use ::gaol::__private::{
                    Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                    WayOfSerde as _,
                };
                ::gaol::__private::prepared(
                        &__GAOL_ENTRY,
                        ::gaol::__private::Dynamic::NONE,
                        |writer| {
                            (&&&&::gaol::__private::Way::<Path>::NEW)
                                .codec()
                                .encode_as("parameter `path`", &*path, writer)?;
                            (&&&&::gaol::__private::Way::<u32>::NEW)
                                .codec()
                                .encode_as(
                                    "parameter `width`",
                                    &::gaol::__private::identity(width),
                                    writer,
                                )?;
                            ::gaol::__private::Ok(())
                        },
                    )
                    .call(
                        |reader| {
                            let value = (&&&&::gaol::__private::Way::<Thumbnail>::NEW)
                                .codec()
                                .decode_as("its result", reader)?;
                            reader.end()?;
                            ::gaol::__private::Ok(value)
                        },
                        __gaol_errors(),
                    )
            }
        "#]],
    );
}

#[test]
fn no_parameter_and_no_key() {
    check(
        "",
        "fn ping() -> gaol::Result<()> { Ok(()) }",
        expect![[r#"
            fn ping() -> gaol::Result<()> {
                #[allow(clippy::unnecessary_wraps)]
                fn __gaol_body() -> gaol::Result<()> {
                    Ok(())
                }
                static __GAOL_OPERATIONS: [::gaol::__private::Operation; 0usize] = [];
                static __GAOL_ENVIRONMENT: [::gaol::__private::Cow<'static, str>; 0usize] = [];
                static __GAOL_ENTRY: ::gaol::__private::Entry = ::gaol::__private::Entry::new(
                    ::gaol::__private::concat!(::gaol::__private::module_path!(), "::", "ping"),
                    ::gaol::__private::file!(),
                    ::gaol::__private::line!(),
                    ::gaol::__private::column!(),
                    "fn() -> gaol::Result<()>",
                    ::gaol::__private::Profile::from_parts(
                        &__GAOL_OPERATIONS,
                        &__GAOL_ENVIRONMENT,
                        ::gaol::__private::Limits::from_parts(
                            ::gaol::__private::Option::Some(::gaol::__private::Duration::new(60, 0)),
                            ::gaol::__private::Option::None,
                            ::gaol::__private::Option::Some(1073741824),
                            ::gaol::__private::Option::Some(256),
                            ::gaol::__private::Option::Some(64),
                            ::gaol::__private::Option::Some(1073741824),
                            ::gaol::__private::Option::Some(67108864),
                        ),
                        ::gaol::__private::Output::Capture,
                        ::gaol::__private::Output::Capture,
                        ::gaol::__private::Process::Fresh,
                        ::gaol::__private::Violation::Deny,
                    ),
                    &[],
                    __gaol_serve,
                );
                #[allow(clippy::type_complexity)]
                fn __gaol_errors() -> ::gaol::__private::ErrorCodec<
                    <gaol::Result<()> as ::gaol::__private::Returned>::Err,
                > {
                    #[allow(unused_imports)]
                    use ::gaol::__private::{CodecDisplay as _, CodecError as _, CodecSerde as _};
                    (&&&::gaol::__private::ErrorType::<
                        <gaol::Result<()> as ::gaol::__private::Returned>::Err,
                    >::NEW)
                        .codec()
                }
                #[allow(clippy::type_complexity, unused_variables)]
                fn __gaol_serve(
                    request: ::gaol::__private::Request<'_>,
                ) -> ::gaol::__private::Reply {
                    #[allow(unused_imports)]
                    use ::gaol::__private::{
                        Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                        WayOfSerde as _,
                    };
                    ::gaol::__private::serve(
                        request,
                        |reader| ::gaol::__private::Ok(()),
                        |(): &mut ()| __gaol_body(),
                        |value, (): &mut (), writer| {
                            (&&&&::gaol::__private::Way::<()>::NEW)
                                .codec()
                                .encode_as("its result", value, writer)?;
                            ::gaol::__private::Ok(())
                        },
                        __gaol_errors(),
                    )
                }
                ::gaol::__private::submit! {
                    ::gaol::__private::Registration::new(& __GAOL_ENTRY)
                }
                ::gaol::__private::assert_crosses::<()>();
                #[allow(unused_imports)]
                use ::gaol::__private::{
                    Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                    WayOfSerde as _,
                };
                ::gaol::__private::prepared(
                        &__GAOL_ENTRY,
                        ::gaol::__private::Dynamic::NONE,
                        |writer| {
                            let _ = writer;
                            ::gaol::__private::Ok(())
                        },
                    )
                    .call(
                        |reader| {
                            let value = (&&&&::gaol::__private::Way::<()>::NEW)
                                .codec()
                                .decode_as("its result", reader)?;
                            reader.end()?;
                            ::gaol::__private::Ok(value)
                        },
                        __gaol_errors(),
                    )
            }
        "#]],
    );
}

#[test]
fn every_key_as_a_literal() {
    check_lines(
        r#"read = ["/a", "literal:/b"], write = "/c", metadata = "/d", exec = ["/e", "literal:/f"],
           net = ["tcp:443", "udp:53", "unix:/g"], listen = "all", system = "info", env = ["LANG", "TZ"], time = "2min",
           cpu = "1500ms", memory = "none", files = 8, threads = "none", file_size = "4KiB", reply = "1B", stdout = "null",
           stderr = "inherit", process = "exec", violation = "kill""#,
        "fn f() -> gaol::Result<()> { Ok(()) }",
        &[
            "GAOL_OPERATIONS",
            "Operation::",
            "from_checked",
            "Pattern",
            "ENVIRONMENT",
            "Cow",
            "Option::",
            "Duration",
            "Output",
            "Process",
            "Violation",
        ],
        expect![[r#"
            static __GAOL_OPERATIONS: [::gaol::__private::Operation; 11usize] = [
            ::gaol::__private::Operation::FileReadAll(
            ::gaol::__private::PathPattern::Subpath(
            ::gaol::__private::ProfilePath::from_checked("/a"),
            ::gaol::__private::Operation::FileReadAll(
            ::gaol::__private::PathPattern::Literal(
            ::gaol::__private::ProfilePath::from_checked("/b"),
            ::gaol::__private::Operation::FileWriteAll(
            ::gaol::__private::PathPattern::Subpath(
            ::gaol::__private::ProfilePath::from_checked("/c"),
            ::gaol::__private::Operation::FileReadMetadata(
            ::gaol::__private::PathPattern::Subpath(
            ::gaol::__private::ProfilePath::from_checked("/d"),
            ::gaol::__private::Operation::ProcessExec(
            ::gaol::__private::PathPattern::Subpath(
            ::gaol::__private::ProfilePath::from_checked("/e"),
            ::gaol::__private::Operation::ProcessExec(
            ::gaol::__private::PathPattern::Literal(
            ::gaol::__private::ProfilePath::from_checked("/f"),
            ::gaol::__private::Operation::NetworkOutbound(
            ::gaol::__private::AddressPattern::Tcp(443),
            ::gaol::__private::Operation::NetworkOutbound(
            ::gaol::__private::AddressPattern::Udp(53),
            ::gaol::__private::Operation::NetworkOutbound(
            ::gaol::__private::AddressPattern::LocalSocket(
            ::gaol::__private::ProfilePath::from_checked("/g"),
            ::gaol::__private::Operation::NetworkInbound(
            ::gaol::__private::AddressPattern::All,
            ::gaol::__private::Operation::SystemInfoRead,
            static __GAOL_ENVIRONMENT: [::gaol::__private::Cow<'static, str>; 2usize] = [
            ::gaol::__private::Cow::Borrowed("LANG"),
            ::gaol::__private::Cow::Borrowed("TZ"),
            &__GAOL_OPERATIONS,
            &__GAOL_ENVIRONMENT,
            ::gaol::__private::Option::Some(
            ::gaol::__private::Duration::new(120, 0),
            ::gaol::__private::Option::Some(
            ::gaol::__private::Duration::new(1, 500000000),
            ::gaol::__private::Option::None,
            ::gaol::__private::Option::Some(8),
            ::gaol::__private::Option::None,
            ::gaol::__private::Option::Some(4096),
            ::gaol::__private::Option::Some(1),
            ::gaol::__private::Output::Null,
            ::gaol::__private::Output::Inherit,
            ::gaol::__private::Process::Exec,
            ::gaol::__private::Violation::Kill,
        "#]],
    );
}

#[test]
fn every_key_as_an_expression() {
    check_lines(
        "read = a, write = &b, metadata = c(), exec = d, net = NET, listen = l, system = s, env = env!(\"X\"), time = t,
         cpu = t * 2, memory = m, files = n + 1, threads = n, file_size = m, reply = m, stdout = out, stderr = out, violation = v",
        "fn f(n: u32) -> gaol::Result<()> { Ok(()) }",
        &["Dynamic", "evaluate", ".read", ".write", ".metadata", ".exec", ".net", ".listen", ".system", ".env", ".time", ".cpu",
          ".memory", ".files", ".threads", ".file_size", ".reply", ".stdout", ".stderr", ".violation", "__private::call"],
        expect![[r#"
            let dynamic = ::gaol::__private::evaluate(|| {
            ::gaol::__private::Dynamic::new(true)
            .read(&a)
            .write(&&b)
            .metadata(&c())
            .exec(&d)
            .net(&NET)
            .listen(&l)
            .system(&s)
            .env(&env!("X"))
            .time(&t)
            .cpu(&(t * 2))
            .memory(&m)
            .files(&(n + 1))
            .threads(&n)
            .file_size(&m)
            .reply(&m)
            .stdout(&out)
            .stderr(&out)
            .violation(&v)
        "#]],
    );
}

#[test]
fn a_list_of_literals_and_expressions() {
    check_lines(
        r#"read = ["/a", path, "/b"]"#,
        "fn f(path: &Path) -> gaol::Result<()> { Ok(()) }",
        &["Operation;", "from_checked", "Dynamic", ".read"],
        expect![[r#"
            static __GAOL_OPERATIONS: [::gaol::__private::Operation; 2usize] = [
            ::gaol::__private::ProfilePath::from_checked("/a"),
            ::gaol::__private::ProfilePath::from_checked("/b"),
            ::gaol::__private::Dynamic::new(true).read(&path)
        "#]],
    );
}

#[test]
fn an_expression_without_a_parameter_is_not_per_call() {
    check_lines(
        "read = CONFIG.path",
        "fn f(path: u32) -> gaol::Result<()> { Ok(()) }",
        &["Dynamic"],
        expect![[r#"
        ::gaol::__private::Dynamic::new(false).read(&CONFIG.path)
    "#]],
    );
}

#[test]
fn a_parameter_in_a_format_string_is_per_call() {
    check_lines(
        r#"read = format!("/home/{user}")"#,
        "fn f(user: &str) -> gaol::Result<()> { Ok(()) }",
        &["Dynamic"],
        expect![[r#"
            ::gaol::__private::Dynamic::new(true).read(&format!("/home/{user}"))
        "#]],
    );
}

#[test]
fn borrowed_parameters_are_owned_and_lent() {
    check_lines(
        "",
        "fn f(a: &str, b: &[u8], c: &std::path::Path, d: &Point, e: &'_ [String]) -> gaol::Result<()> { Ok(()) }",
        &["Sent", "assert_crosses", "fn("],
        expect![[r#"
            "fn(&str, &[u8], &std::path::Path, &Point, &'_ [String]) -> gaol::Result<()>",
            ::gaol::__private::Place<<str as ::gaol::__private::Sent>::Owned>,
            ::gaol::__private::Place<<[u8] as ::gaol::__private::Sent>::Owned>,
            <std::path::Path as ::gaol::__private::Sent>::Owned,
            ::gaol::__private::Place<<Point as ::gaol::__private::Sent>::Owned>,
            <[String] as ::gaol::__private::Sent>::Owned,
            <str as ::gaol::__private::Sent>::lend(a0.lend()),
            <[u8] as ::gaol::__private::Sent>::lend(a1.lend()),
            <std::path::Path as ::gaol::__private::Sent>::lend(a2.lend()),
            <Point as ::gaol::__private::Sent>::lend(a3.lend()),
            <[String] as ::gaol::__private::Sent>::lend(a4.lend()),
            ::gaol::__private::Place<<str as ::gaol::__private::Sent>::Owned>,
            ::gaol::__private::Place<<[u8] as ::gaol::__private::Sent>::Owned>,
            <std::path::Path as ::gaol::__private::Sent>::Owned,
            ::gaol::__private::Place<<Point as ::gaol::__private::Sent>::Owned>,
            <[String] as ::gaol::__private::Sent>::Owned,
            ::gaol::__private::assert_crosses::<<str as ::gaol::__private::Sent>::Owned>();
            ::gaol::__private::assert_crosses::<<[u8] as ::gaol::__private::Sent>::Owned>();
            ::gaol::__private::assert_crosses::<
            <std::path::Path as ::gaol::__private::Sent>::Owned,
            ::gaol::__private::assert_crosses::<<Point as ::gaol::__private::Sent>::Owned>();
            ::gaol::__private::assert_crosses::<<[String] as ::gaol::__private::Sent>::Owned>();
            ::gaol::__private::assert_crosses::<()>();
        "#]],
    );
}

#[test]
fn patterns_go_to_the_body() {
    check_lines(
        "",
        "fn f((a, b): (u8, u8), _: u8, mut c: u8, Point { x, y }: Point, whole @ (d, _): (u8, u8), _unused: u8, ref r: u8, r#type: u8) -> gaol::Result<()> { Ok(()) }",
        &["argument", "unused", "Point", "mut c", "type", "&["],
        expect![[r#"
            argument0: (u8, u8),
            argument1: u8,
            argument3: Point,
            argument4: (u8, u8),
            unused: u8,
            argument6: u8,
            r#type: u8,
            mut c: u8,
            Point { x, y }: Point,
            _unused: u8,
            r#type: u8,
            "fn((u8, u8), u8, u8, Point, (u8, u8), u8, u8, u8) -> gaol::Result<()>",
            &[],
            #[allow(clippy::type_complexity)]
            #[allow(unused_imports)]
            #[allow(clippy::type_complexity, unused_variables)]
            #[allow(unused_imports)]
            (&&&&::gaol::__private::Way::<Point>::NEW)
            .decode_as("parameter `_unused`", reader)?,
            .decode_as("parameter `type`", reader)?,
            ::gaol::__private::Place<Point>,
            ::gaol::__private::Place<Point>,
            ::gaol::__private::assert_crosses::<Point>();
            #[allow(unused_imports)]
            &::gaol::__private::identity(argument0),
            &::gaol::__private::identity(argument1),
            (&&&&::gaol::__private::Way::<Point>::NEW)
            &::gaol::__private::identity(argument3),
            &::gaol::__private::identity(argument4),
            "parameter `_unused`",
            &::gaol::__private::identity(unused),
            &::gaol::__private::identity(argument6),
            "parameter `type`",
            &::gaol::__private::identity(r#type),
        "#]],
    );
}

#[test]
fn parameter_attributes_stay() {
    check_lines(
        "",
        "fn f(#[allow(unused)] a: u8) -> gaol::Result<()> { Ok(()) }",
        &["fn f", "fn __gaol_body", "allow(unused)"],
        expect![[r#"
            fn f(#[allow(unused)] a: u8) -> gaol::Result<()> {
            fn __gaol_body(#[allow(unused)] a: u8) -> gaol::Result<()> {
        "#]],
    );
}

#[test]
fn lint_attributes_stay_on_the_outer_function() {
    check_lines(
        "",
        "#[expect(unused_variables)] #[deprecated] #[cfg(unix)] #[must_use = \"x\"] fn f(a: u8) -> gaol::Result<()> { Ok(()) }",
        &["#[", "fn f", "fn __gaol_body"],
        expect![[r##"
            #[expect(unused_variables)]
            #[deprecated]
            #[cfg(unix)]
            #[must_use = "x"]
            fn f(a: u8) -> gaol::Result<()> {
            #[allow(clippy::unnecessary_wraps)]
            fn __gaol_body(a: u8) -> gaol::Result<()> {
            #[allow(clippy::type_complexity)]
            #[allow(unused_imports)]
            #[allow(clippy::type_complexity, unused_variables)]
            #[allow(unused_imports)]
            #[allow(unused_imports)]
        "##]],
    );
}

#[test]
fn where_clauses_stay_on_both() {
    check_lines(
        "",
        "pub(crate) fn f() -> gaol::Result<()> where String: Clone { Ok(()) }",
        &["fn f", "fn __gaol_body", "where", "String: Clone"],
        expect![[r#"
            pub(crate) fn f() -> gaol::Result<()>
            where
            String: Clone,
            fn __gaol_body() -> gaol::Result<()>
            where
            String: Clone,
        "#]],
    );
}

#[test]
fn a_renamed_library() {
    check(
        "crate = my::sandbox",
        "fn f(a: &str) -> my::sandbox::Result<()> { Ok(()) }",
        expect![[r#"
            fn f(a: &str) -> my::sandbox::Result<()> {
                #[allow(clippy::unnecessary_wraps)]
                fn __gaol_body(a: &str) -> my::sandbox::Result<()> {
                    Ok(())
                }
                static __GAOL_OPERATIONS: [my::sandbox::__private::Operation; 0usize] = [];
                static __GAOL_ENVIRONMENT: [my::sandbox::__private::Cow<'static, str>; 0usize] = [];
                static __GAOL_ENTRY: my::sandbox::__private::Entry = my::sandbox::__private::Entry::new(
                    my::sandbox::__private::concat!(
                        my::sandbox::__private::module_path!(), "::", "f"
                    ),
                    my::sandbox::__private::file!(),
                    my::sandbox::__private::line!(),
                    my::sandbox::__private::column!(),
                    "fn(&str) -> my::sandbox::Result<()>",
                    my::sandbox::__private::Profile::from_parts(
                        &__GAOL_OPERATIONS,
                        &__GAOL_ENVIRONMENT,
                        my::sandbox::__private::Limits::from_parts(
                            my::sandbox::__private::Option::Some(
                                my::sandbox::__private::Duration::new(60, 0),
                            ),
                            my::sandbox::__private::Option::None,
                            my::sandbox::__private::Option::Some(1073741824),
                            my::sandbox::__private::Option::Some(256),
                            my::sandbox::__private::Option::Some(64),
                            my::sandbox::__private::Option::Some(1073741824),
                            my::sandbox::__private::Option::Some(67108864),
                        ),
                        my::sandbox::__private::Output::Capture,
                        my::sandbox::__private::Output::Capture,
                        my::sandbox::__private::Process::Fresh,
                        my::sandbox::__private::Violation::Deny,
                    ),
                    &[],
                    __gaol_serve,
                );
                #[allow(clippy::type_complexity)]
                fn __gaol_errors() -> my::sandbox::__private::ErrorCodec<
                    <my::sandbox::Result<()> as my::sandbox::__private::Returned>::Err,
                > {
                    #[allow(unused_imports)]
                    use my::sandbox::__private::{
                        CodecDisplay as _, CodecError as _, CodecSerde as _,
                    };
                    (&&&my::sandbox::__private::ErrorType::<
                        <my::sandbox::Result<()> as my::sandbox::__private::Returned>::Err,
                    >::NEW)
                        .codec()
                }
                #[allow(clippy::type_complexity, unused_variables)]
                fn __gaol_serve(
                    request: my::sandbox::__private::Request<'_>,
                ) -> my::sandbox::__private::Reply {
                    #[allow(unused_imports)]
                    use my::sandbox::__private::{
                        Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                        WayOfSerde as _,
                    };
                    my::sandbox::__private::serve(
                        request,
                        |reader| my::sandbox::__private::Ok((
                            my::sandbox::__private::Place::new(
                                (&&&&my::sandbox::__private::Way::<str>::NEW)
                                    .codec()
                                    .decode_as("parameter `a`", reader)?,
                            ),
                        )),
                        |
                            (
                                a0,
                            ): &mut (
                                my::sandbox::__private::Place<
                                    <str as my::sandbox::__private::Sent>::Owned,
                                >,
                            )|
                        __gaol_body(<str as my::sandbox::__private::Sent>::lend(a0.lend())),
                        |
                            value,
                            (
                                a0,
                            ): &mut (
                                my::sandbox::__private::Place<
                                    <str as my::sandbox::__private::Sent>::Owned,
                                >,
                            ),
                            writer|
                        {
                            (&&&&my::sandbox::__private::Way::<()>::NEW)
                                .codec()
                                .encode_as("its result", value, writer)?;
                            my::sandbox::__private::Ok(())
                        },
                        __gaol_errors(),
                    )
                }
                my::sandbox::__private::submit! {
                    my::sandbox::__private::Registration::new(& __GAOL_ENTRY)
                }
                my::sandbox::__private::assert_crosses::<
                    <str as my::sandbox::__private::Sent>::Owned,
                >();
                my::sandbox::__private::assert_crosses::<()>();
                #[allow(unused_imports)]
                use my::sandbox::__private::{
                    Codec as _, WayOfBlocks as _, WayOfDescriptors as _, WayOfNothing as _,
                    WayOfSerde as _,
                };
                my::sandbox::__private::prepared(
                        &__GAOL_ENTRY,
                        my::sandbox::__private::Dynamic::NONE,
                        |writer| {
                            (&&&&my::sandbox::__private::Way::<str>::NEW)
                                .codec()
                                .encode_as("parameter `a`", &*a, writer)?;
                            my::sandbox::__private::Ok(())
                        },
                    )
                    .call(
                        |reader| {
                            let value = (&&&&my::sandbox::__private::Way::<()>::NEW)
                                .codec()
                                .decode_as("its result", reader)?;
                            reader.end()?;
                            my::sandbox::__private::Ok(value)
                        },
                        __gaol_errors(),
                    )
            }
        "#]],
    );
}

#[test]
fn a_raw_name_is_shown_without_its_prefix() {
    check_lines(
        "",
        "fn r#match(r#type: u8) -> gaol::Result<()> { Ok(()) }",
        &["\"match\"", "fn r#match", "&["],
        expect![[r#"
            fn r#match(r#type: u8) -> gaol::Result<()> {
            ::gaol::__private::concat!(::gaol::__private::module_path!(), "::", "match"),
            &[],
        "#]],
    );
}

#[test]
fn a_cfg_on_a_parameter_makes_two_functions() {
    check(
        r#"time = "2s""#,
        "/// Adds.\nfn sum(a: u32, #[cfg(unix)] #[allow(unused)] b: u32) -> gaol::Result<u32> { Ok(a) }",
        expect![[r##"
            #[cfg(unix)]
            #[::gaol::sandboxed(time = "2s")]
            /// Adds.
            fn sum(a: u32, #[allow(unused)] b: u32) -> gaol::Result<u32> {
                Ok(a)
            }
            #[cfg(not(unix))]
            #[::gaol::sandboxed(time = "2s")]
            /// Adds.
            fn sum(a: u32) -> gaol::Result<u32> {
                Ok(a)
            }
        "##]],
    );
}

#[test]
fn a_mistake_leaves_the_function_as_it_was() {
    check(
        r#"reed = "/data", time = "2""#,
        "#[inline]\npub fn f(a: u32) -> gaol::Result<u32> { Ok(a) }",
        expect![[r#"
            ::core::compile_error! {
                "`reed` is not a key; did you mean `read`?"
            }
            ::core::compile_error! {
                "`2` has no unit; expected one of `ms`, `s`, `min`, `h`, as in `2s`"
            }
            #[inline]
            pub fn f(a: u32) -> gaol::Result<u32> {
                Ok(a)
            }
        "#]],
    );
}

#[test]
fn a_mistake_leaves_an_item_that_is_no_function_as_it_was() {
    check(
        "",
        "pub struct S { a: u32 }",
        expect![[r#"
        ::core::compile_error! {
            "`#[sandboxed]` goes on a function; this is a struct"
        }
        pub struct S {
            a: u32,
        }
    "#]],
    );
}

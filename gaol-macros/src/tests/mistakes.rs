//! What each mistake is told, and that one does not hide another.

use super::messages;

const FUNCTION: &str = "fn f(a: u32) -> gaol::Result<u32> { Ok(a) }";

/// One attribute, one message.
fn attribute(cases: &[(&str, &str)]) {
    for (attribute, expected) in cases {
        assert_eq!(messages(attribute, FUNCTION), [*expected], "#[sandboxed({attribute})]");
    }
}

/// One item, one message.
fn item(cases: &[(&str, &str)]) {
    for (item, expected) in cases {
        assert_eq!(messages("", item), [*expected], "{item}");
    }
}

#[test]
fn keys() {
    attribute(&[
        (r#"writes = "/a""#, "`writes` is not a key; did you mean `write`?"),
        (r#"mem = "1MiB""#, "`mem` is not a key; did you mean `memory`?"),
        (
            "banana = 1",
            "`banana` is not a key; expected one of `read`, `write`, `metadata`, `exec`, `net`, `listen`, `system`, `env`, `time`, \
             `cpu`, `memory`, `files`, `threads`, `file_size`, `reply`, `stdout`, `stderr`, `process`, `violation`",
        ),
        (r#"execs = "/bin/true""#, "`execs` is not a key; did you mean `exec`?"),
        (r#"execute = "/bin/true""#, "`execute` is not a key; did you mean `exec`?"),
        (r#"listens = "tcp:80""#, "`listens` is not a key; did you mean `listen`?"),
        (r#"sys = "info""#, "`sys` is not a key; did you mean `system`?"),
        ("exec", "`exec` has no value; write `exec = \"/usr/bin/convert\"`"),
        ("listen", "`listen` has no value; write `listen = \"tcp:8080\"`"),
        ("system", "`system` has no value; write `system = \"info\"`"),
        (r#"exec = "/a", exec = "/b""#, "`exec` is written twice; write one list, `exec = [\"/usr/bin/convert\", …]`"),
        ("broker = [ask]", "`broker` is not built yet; leave it out"),
        ("read", "`read` has no value; write `read = \"/data\"`"),
        (r#"read("/data")"#, "`read` has no value; write `read = \"/data\"`"),
        ("time: \"2s\"", "`time` has no value; write `time = \"2s\"`"),
        ("files =", "`files` has no value; write `files = 64`"),
        ("\"/data\"", "expected a key, as in `read = \"/data\"`"),
        ("read = \"/a\" write = \"/b\"", "unexpected token after the value; expected `,`"),
        (r#"read = "/a", read = "/b""#, "`read` is written twice; write one list, `read = [\"/data\", …]`"),
        (r#"time = "1s", time = "2s""#, "`time` is written twice; keep one"),
        ("crate = \"gaol\"", "`\"gaol\"` is not a path; expected the path of the library, as in `crate = my_gaol`"),
        ("crate", "`crate` has no value; expected the path of the library, as in `crate = my_gaol`"),
    ]);
}

#[test]
fn values() {
    attribute(&[
        ("read = 5", "`5` is not what `read` takes, which is a string; write `read = \"/data\"`"),
        ("read = true", "`true` is not what `read` takes, which is a string; write `read = \"/data\"`"),
        ("read = b\"/x\"", "`b\"/x\"` is not what `read` takes, which is a string; write `read = \"/data\"`"),
        ("net = 443", "`443` is not what `net` takes, which is a string; write `net = \"tcp:443\"`"),
        ("time = 2", "`2` is not what `time` takes, which is a string; write `time = \"2s\"`"),
        ("time = 2.5", "`2.5` is not what `time` takes, which is a string; write `time = \"2s\"`"),
        (
            "memory = 268435456",
            "`268435456` is not what `memory` takes, which is a string; write `memory = \"256MiB\"`",
        ),
        ("reply = 1000", "`1000` is not what `reply` takes, which is a string; write `reply = \"1000B\"`"),
        ("files = \"many\"", "`\"many\"` is not a count; expected a whole number such as `64`, or `\"none\"`"),
        ("files = \"64\"", "`\"64\"` is a string; write `files = 64`"),
        ("files = 64u8", "`64u8` has a suffix; write `64`"),
        ("files = -1", "`-1` is not a count; expected a whole number such as `64`, or `\"none\"`"),
        ("files = 0", "a count of `0` leaves nothing to run with; expected at least `1`"),
        (
            "threads = 99999999999999999999999999",
            "the count is too large; expected at most `4294967295`, or `\"none\"` for no limit",
        ),
        ("time = [\"2s\"]", "`time` takes one value, not a list; write `time = \"2s\"`"),
        (
            "process = kind()",
            "`process` is fixed when the program is compiled; write `\"fresh\"`, `\"exec\"` or `\"reused\"`",
        ),
        ("process = \"thread\"", "`thread` is not a valid kind of process; expected `fresh`, `exec` or `reused`"),
        ("stdout = \"nul\"", "`nul` is not a valid output destination; did you mean `null`?"),
        ("env = \"LD_PRELOAD\"", "`LD_PRELOAD` steers the dynamic loader; it cannot be passed to a sandboxed process"),
        ("net = \"tcp:0\"", "`tcp:0` names no port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("exec = \"convert\"", "`convert` is relative; expected an absolute path, which starts with `/`"),
        ("exec = 1", "`1` is not what `exec` takes, which is a string; write `exec = \"/usr/bin/convert\"`"),
        ("listen = 8080", "`8080` is not what `listen` takes, which is a string; write `listen = \"tcp:8080\"`"),
        ("listen = \"udp:0\"", "`udp:0` names no port; expected `udp:PORT` with PORT in 1..=65535"),
        (
            "listen = \"unix:/run/x\"",
            "`unix:/run/x` is a Unix socket, which no sandboxed function may bind; bind the socket in the application, outside",
        ),
        ("net = \"unix:x\"", "the path in `unix:x` is relative; expected an absolute path, which starts with `/`"),
        ("net = \"unix:literal:/x\"", "`unix:literal:/x`: a socket is one file in any case; write `unix:/x`"),
        ("read = \"literal:/a/\"", "the path in `literal:/a/` ends with `/`; write `literal:/a`"),
        ("read = \"litteral:/a\"", "`litteral:` goes before no path; did you mean `literal:/a`?"),
        ("system = \"inof\"", "`inof` is not a valid part of the system; did you mean `info`?"),
        ("system = [\"info\"]", "`system` takes one value, not a list; write `system = \"info\"`"),
        ("system = true", "`true` is not what `system` takes, which is a string; write `system = \"info\"`"),
        ("read = (\"x\")", "`x` is relative; expected an absolute path, which starts with `/`"),
        ("read = &[\"x\"]", "`x` is relative; expected an absolute path, which starts with `/`"),
        ("read = [path, \"x\"]", "`x` is relative; expected an absolute path, which starts with `/`"),
    ]);
}

#[test]
fn combinations() {
    attribute(&[
        ("read = []", "`read = []` allows nothing; leave `read` out"),
        (r#"read = ["/a", "/a"]"#, "`read = \"/a\"` is written twice; keep one"),
        (r#"net = ["tcp:1", "tcp:1"]"#, "`net = \"tcp:1\"` is written twice; keep one"),
        (r#"env = ["TZ", "TZ"]"#, "`env = \"TZ\"` is written twice; keep one"),
        (r#"read = ["/data", "/data/a"]"#, "`read = \"/data/a\"` is already covered by `read = \"/data\"`; keep one"),
        (r#"read = ["/data/a", "/data"]"#, "`read = \"/data/a\"` is already covered by `read = \"/data\"`; keep one"),
        (r#"metadata = "/a/b", read = "/a""#, "`metadata = \"/a/b\"` is already covered by `read = \"/a\"`; keep one"),
        (r#"metadata = "/a", write = "/a""#, "`metadata = \"/a\"` is already covered by `write = \"/a\"`; keep one"),
        ("exec = []", "`exec = []` allows nothing; leave `exec` out"),
        (r#"system = "info", system = "info""#, "`system` is written twice; keep one"),
        (
            r#"read = ["/a/b", "literal:/a/b"]"#,
            "`read = \"literal:/a/b\"` is already covered by `read = \"/a/b\"`; keep one",
        ),
        (
            r#"metadata = "literal:/a/b", read = "/a""#,
            "`metadata = \"literal:/a/b\"` is already covered by `read = \"/a\"`; keep one",
        ),
        (
            r#"metadata = "literal:/a", read = "literal:/a""#,
            "`metadata = \"literal:/a\"` is already covered by `read = \"literal:/a\"`; keep one",
        ),
        (
            r#"read = "/usr/bin/x", exec = "/usr/bin/x""#,
            "`read = \"/usr/bin/x\"` is already covered by `exec = \"/usr/bin/x\"`; keep one",
        ),
        (
            r#"exec = "/usr/bin", metadata = "literal:/usr/bin/x""#,
            "`metadata = \"literal:/usr/bin/x\"` is already covered by `exec = \"/usr/bin\"`; keep one",
        ),
        (r#"net = ["all", "tcp:443"]"#, "`net = \"tcp:443\"` is already covered by `net = \"all\"`; keep one"),
        (r#"listen = ["udp:53", "all"]"#, "`listen = \"udp:53\"` is already covered by `listen = \"all\"`; keep one"),
        (
            r#"exec = "/opt/tool", write = "/opt/tool""#,
            "`write = \"/opt/tool\"` lets the function change what `exec = \"/opt/tool\"` runs; write elsewhere or run elsewhere",
        ),
        (
            r#"exec = "/opt/tool", write = "/opt""#,
            "`write = \"/opt\"` lets the function change what `exec = \"/opt/tool\"` runs; write elsewhere or run elsewhere",
        ),
        (
            r#"exec = "/opt", write = "literal:/opt/tool""#,
            "`write = \"literal:/opt/tool\"` lets the function change what `exec = \"/opt\"` runs; write elsewhere or run \
             elsewhere",
        ),
        (
            r#"exec = "/bin/true", process = "reused""#,
            "with `process = \"reused\"`, what a program leaves behind would meet the next call; remove `process`: each call \
             with `exec` has a process tree of its own",
        ),
        (
            r#"exec = "/bin/true", threads = 1"#,
            "`threads = 1` leaves no room for a program, which is another process, and `threads` counts processes too; write at \
             least `threads = 2`",
        ),
        (
            r#"time = "1s", cpu = "2s""#,
            "`cpu = \"2s\"` is never reached within `time = \"1s\"`; lower `cpu` or raise `time` (or write `threads`, if the \
             function starts several)",
        ),
        (
            r#"cpu = "2min""#,
            "`cpu = \"2min\"` is never reached within `time = \"60s\"` by default; lower `cpu` or raise `time` (or write \
             `threads`, if the function starts several)",
        ),
    ]);
}

#[test]
fn combinations_that_are_right() {
    for attribute in [
        r#"read = "/data", write = "/data/out""#,
        r#"read = "/data", metadata = "/""#,
        r#"read = "/data", write = "/data""#,
        r#"read = ["/data", "/database"]"#,
        r#"time = "1s", cpu = "4s", threads = 4"#,
        r#"time = "none", cpu = "2h""#,
        r#"time = t, cpu = "2h""#,
        r#"cpu = "60s""#,
        "read = [a, a]",
        r#"read = "literal:/a", write = "literal:/a", metadata = "/a""#,
        r#"read = "literal:/a", metadata = "/a/b""#,
        r#"exec = "/opt/tool", write = ["/opt/tools", "/opt/data"]"#,
        r#"exec = "/opt/tool", process = "exec", threads = 2"#,
        r#"exec = tool, process = "reused", threads = 1, write = "/opt""#,
        r#"net = ["all", "unix:/run/x"], listen = ["tcp:80", "udp:80"]"#,
        r#"net = ["tcp:53", "udp:53"], listen = "all""#,
        // As the library prints a profile of every operation (`manifest::tests`).
        r#"read = ["/data", "literal:/etc/hosts"], write = "literal:/var/log/app", metadata = "/usr/share", exec = ["/usr/bin/convert", "literal:/bin/true"], net = ["unix:/run/x.sock", "tcp:443", "udp:53"], listen = "udp:53", system = "info", env = ["TZ", "LANG"]"#,
    ] {
        assert_eq!(messages(attribute, FUNCTION), [""; 0], "#[sandboxed({attribute})]");
    }
}

#[test]
fn a_pattern_has_no_name_to_mention() {
    assert_eq!(
        messages("read = dir", "fn f((dir, n): (PathBuf, u32)) -> gaol::Result<()> { Ok(()) }"),
        [
            "`read = dir` names `dir`, which the pattern `(dir, n)` binds only in the body; give the parameter a name and take it \
          apart in the body"
        ]
    );
}

#[test]
fn items_that_are_no_functions() {
    item(&[
        ("struct S;", "`#[sandboxed]` goes on a function; this is a struct"),
        ("enum E {}", "`#[sandboxed]` goes on a function; this is an enum"),
        ("mod m {}", "`#[sandboxed]` goes on a function; this is a module; annotate the functions inside it"),
        (
            "impl S { fn f() {} }",
            "`#[sandboxed]` goes on a function; this is an impl; annotate a function in it that has no `self`",
        ),
        (
            "trait T {}",
            "`#[sandboxed]` goes on a function; this is a trait; annotate a function in it that has a body and no `self`, or those of its `impl`s",
        ),
        ("const C: u32 = 1;", "`#[sandboxed]` goes on a function; this is a constant"),
        ("static C: u32 = 1;", "`#[sandboxed]` goes on a function; this is a static"),
        (
            "use a::b;",
            "`#[sandboxed]` goes on a function; this is an import; annotate the function where it is defined",
        ),
        ("|a| a", "`#[sandboxed]` goes on a function; this is a closure; annotate a named function and call it"),
        (
            "fn f() -> gaol::Result<()>;",
            "this function has no body to run in a sandbox; put `#[sandboxed]` on the functions of the trait's `impl`s",
        ),
    ]);
}

#[test]
fn heads() {
    item(&[
        (
            "const fn f() -> gaol::Result<()> {}",
            "a `const fn` runs in the compiler, where no process can be started; remove `const`",
        ),
        (
            "async fn f() -> gaol::Result<()> {}",
            "a sandboxed `async fn` is not built yet; remove `async`, and call it where blocking is allowed",
        ),
        (
            "unsafe fn f() -> gaol::Result<()> {}",
            "what an `unsafe fn` asks of its caller cannot hold in another process; remove `unsafe`",
        ),
        (
            "extern \"C\" fn f() -> gaol::Result<()> {}",
            "arguments cross to another process by serde, not by a C calling convention; remove `extern`",
        ),
        (
            "fn f<'a>(x: &'a str) -> gaol::Result<()> {}",
            "a borrow that crosses to another process has no lifetime `'a`; elide it: write `&T`",
        ),
        (
            "fn f<T>(x: T) -> gaol::Result<()> {}",
            "the child cannot be told what `T` is; write the concrete type, or call a sandboxed function for each type from a \
             generic one",
        ),
        (
            "fn f<const N: usize>(x: [u8; N]) -> gaol::Result<()> {}",
            "the child cannot be told what `N` is; write the number, or take it as a parameter",
        ),
        (
            "fn f(&self) -> gaol::Result<()> {}",
            "`self` stays in the parent; take what the function needs as parameters instead, here or outside the `impl`",
        ),
        (
            "fn f(x: Self) -> gaol::Result<()> {}",
            "`Self` has no meaning in the function that runs in the child; write the type's name",
        ),
        (
            "fn f(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8, p: u8, \
             q: u8) -> gaol::Result<()> {}",
            "17 parameters are more than the 16 that cross; take a struct",
        ),
    ]);
}

#[test]
fn parameter_types() {
    let cases = [
        ("&mut str", "`&mut str` cannot be replaced by what comes back, which may be longer; write `&mut String`"),
        ("&mut Path", "`&mut Path` cannot be replaced by what comes back, which may be longer; write `&mut PathBuf`"),
        (
            "&mut Option<&u8>",
            "`&u8` borrows, and a borrow cannot cross to another process; write the owned form, `Option<u8>`",
        ),
        ("&'static str", "`&'static str` does not outlive the call in the child; write `&str`"),
        (
            "Option<&str>",
            "`&str` borrows, and a borrow cannot cross to another process; write the owned form, `Option<String>`",
        ),
        (
            "Vec<&'static Path>",
            "`&'static Path` borrows, and a borrow cannot cross to another process; write the owned form, `Vec<PathBuf>`",
        ),
        (
            "(&str, u8)",
            "`&str` borrows, and a borrow cannot cross to another process; write the owned form, `(String, u8)`",
        ),
        (
            "&[&str]",
            "`&str` borrows, and a borrow cannot cross to another process; write the owned form, `Vec<String>`",
        ),
        ("&&str", "`&str` borrows, and a borrow cannot cross to another process; write the owned form, `String`"),
        (
            "Cow<'_, str>",
            "`Cow<'_, str>` borrows, and a borrow cannot cross to another process; write the owned form, `String`",
        ),
        ("Token<'_>", "`Token<'_>` borrows, and a borrow cannot cross to another process; write an owned type"),
        ("*const u8", "`*const u8` is an address, which means nothing in another process; pass the value itself"),
        (
            "fn(u8) -> u8",
            "`fn(u8) -> u8` is the address of a function, which means nothing in another process; pass an enum that says which \
             one to call",
        ),
        ("impl Iterator<Item = u8>", "`impl Iterator<Item = u8>` does not say what crosses; write the concrete type"),
        ("Box<dyn Shape>", "`dyn Shape` does not say what crosses; write the concrete type"),
        ("&dyn Shape", "`dyn Shape` does not say what crosses; write the concrete type"),
    ];
    for (ty, expected) in cases {
        let item = format!("fn f(x: {ty}) -> gaol::Result<()> {{}}");
        assert_eq!(messages("", &item), [expected], "{ty}");
    }
}

#[test]
fn parameter_types_that_are_right() {
    for ty in ["&str", "&'_ str", "Cow<'static, str>", "&[u8; 4]", "&(u8, String)", "[[u8; 2]; 2]", "&Path"] {
        let item = format!("fn f(x: {ty}) -> gaol::Result<()> {{}}");
        assert_eq!(messages("", &item), [""; 0], "{ty}");
    }
}

#[test]
fn return_types() {
    let write = "return `Result<T, E>` with `E: From<gaol::Error>`, such as `gaol::Result";
    let cases = [
        ("", format!("a sandboxed call can fail, and `f` returns nothing; {write}<()>`")),
        ("-> ()", format!("a sandboxed call can fail, and `()` cannot say so; {write}<()>`")),
        ("-> !", format!("a sandboxed call can fail, and `!` cannot say so; {write}<()>`")),
        ("-> &str", format!("a sandboxed call can fail, and a borrow cannot come back; {write}<String>`")),
        ("-> impl Shape", format!("`impl Shape` does not say what crosses back; {write}<T>` with a concrete `T`")),
        (
            "-> gaol::Result<&[u8]>",
            "`&[u8]` borrows, and a borrow cannot come back from another process; write the owned form, `gaol::Result<Vec<u8>>`"
                .into(),
        ),
        (
            "-> gaol::Result<Token<'_>>",
            "`gaol::Result<Token<'_>>` borrows, and a borrow cannot come back from another process; write an owned type".into(),
        ),
        ("-> gaol::Result<impl Shape>", "`impl Shape` does not say what crosses; write the concrete type".into()),
        (
            "-> gaol::Result<*mut u8>",
            "`*mut u8` is an address, which means nothing in another process; pass the value itself".into(),
        ),
    ];
    for (output, expected) in cases {
        assert_eq!(messages("", &format!("fn f(x: &str) {output} {{}}")), [expected], "{output}");
    }
    assert_eq!(messages("", "fn f() -> Result<(), Box<dyn Error + Send + 'static>> {}"), [""; 0]);
}

#[test]
fn other_attributes() {
    for name in [
        "no_mangle",
        "unsafe(no_mangle)",
        "export_name = \"x\"",
        "unsafe(export_name = \"x\")",
        "test",
        "tokio::test",
        "ignore",
        "should_panic",
        "proc_macro",
        "target_feature(enable = \"avx\")",
        "track_caller",
        "sandboxed",
        "gaol::sandboxed(read = \"/\")",
    ] {
        let found = messages("", &format!("#[{name}] {FUNCTION}"));
        assert_eq!(found.len(), 1, "#[{name}]: {found:?}");
        assert!(found[0].starts_with("`#["), "{found:?}");
    }
    for name in
        ["inline", "cold", "must_use", "deprecated", "doc = \"x\"", "allow(unused)", "tracing::instrument", "cfg(unix)"]
    {
        assert_eq!(messages("", &format!("#[{name}] {FUNCTION}")), [""; 0], "#[{name}]");
    }
}

#[test]
fn all_mistakes_at_once() {
    let found = messages(
        r#"writes = "/a", read = ["x", "/b/"], time = 2, time = "1", net, exec = "x", files = 0"#,
        "#[no_mangle] async fn f<T>(&self, a: &mut str, b: Option<&str>) -> &str { a }",
    );
    assert_eq!(found.len(), 16, "{found:#?}");
}

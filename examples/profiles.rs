//! The manifest: what every sandboxed function of this binary may do, as a table or as JSON that a CI can diff.
//!
//! `cargo run --example profiles` prints a table, `cargo run --example profiles -- --json` prints JSON.

use std::path::Path;

use gaol::sandboxed;

/// One directory, a quarter of the default memory, two seconds.
#[sandboxed(read = "/srv/uploads", memory = "256MiB", time = "2s")]
fn thumbnail(name: &str) -> gaol::Result<Vec<u8>> {
    Ok(std::fs::read(Path::new("/srv/uploads").join(name))?)
}

/// Nothing but computing: the empty profile is the best one.
#[sandboxed]
fn parse(text: &str) -> gaol::Result<usize> {
    Ok(text.split_whitespace().count())
}

/// Just the file that this call is about.
#[sandboxed(read = path, threads = 1)]
fn inspect(path: &Path) -> gaol::Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}

/// One port, of any host.
#[sandboxed(net = "tcp:443", env = ["LANG", "TZ"], violation = "kill")]
fn fetch(host: &str) -> gaol::Result<bool> {
    Ok(std::net::TcpStream::connect((host, 443)).is_ok())
}

gaol::main! {
    fn main() {
        // Named, so that the compiler knows that they are meant to be called.
        let _ = (thumbnail as fn(_) -> _, parse as fn(_) -> _, inspect as fn(_) -> _, fetch as fn(_) -> _);
        match std::env::args().nth(1).as_deref() {
            None => table(),
            Some("--json") => json(),
            Some(_) => {
                eprintln!("usage: profiles [--json]");
                std::process::exit(2);
            }
        }
    }
}

fn table() {
    for function in gaol::profiles() {
        println!("{}  ({}:{})", function.name(), function.file(), function.line());
        let profile = function.profile().to_string();
        println!(
            "    {}",
            if profile.is_empty() { "nothing but computing, within the default limits" } else { &profile }
        );
        for (key, expression) in function.computed_keys() {
            println!("    {key} = {expression}, computed at each call");
        }
    }
}

fn json() {
    let functions: Vec<serde_json::Value> = gaol::profiles()
        .map(|function| {
            let computed: serde_json::Map<String, serde_json::Value> =
                function.computed_keys().iter().map(|(key, text)| ((*key).to_owned(), (*text).into())).collect();
            serde_json::json!({
                "function": function.name(),
                "file": function.file(),
                "line": function.line(),
                "profile": function.profile().to_string(),
                "computed": computed,
            })
        })
        .collect();
    println!("{:#}", serde_json::Value::Array(functions));
}

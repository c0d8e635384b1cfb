//! scratch
use gaol::sandboxed;
use std::path::Path;
#[sandboxed]
fn add(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}
#[sandboxed(read = "/etc")]
fn read(p: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(p)?)
}
#[sandboxed(read = p)]
fn read_arg(p: &Path) -> gaol::Result<usize> {
    Ok(std::fs::read_to_string(p)?.len())
}
#[sandboxed]
fn boom() -> gaol::Result<u32> {
    println!("hello");
    panic!("no {}", 1)
}
#[sandboxed(process = "reused")]
fn re(a: u32) -> gaol::Result<u32> {
    Ok(a + 1)
}
#[sandboxed(process = "exec")]
fn ex(a: u32) -> gaol::Result<u32> {
    Ok(a + 1)
}
gaol::main! { fn main() {
    println!("{}", gaol::support());
    let t = std::time::Instant::now();
    println!("{:?} {:?}", add(1, 2), t.elapsed());
    println!("{:?}", read(Path::new("/etc/hostname")));
    println!("{:?}", read(Path::new("/proc/self/status")).map_err(|e| e.to_string()));
    println!("{:?}", read_arg(Path::new("/etc/passwd")).map_err(|e| e.to_string()));
    println!("{}", boom().unwrap_err());
    println!("{:?}", ex(1));
    for f in [add_, re_] {
        for _ in 0..100 { f(); }
        let t = std::time::Instant::now();
        for _ in 0..2000 { f(); }
        println!("{:?}/call", t.elapsed() / 2000);
    }
} }
fn add_() {
    add(1, 2).unwrap();
}
fn re_() {
    re(1).unwrap();
}

//! The names of phases and contenders, which figures and targets find each other by.

/// The phases of a run.
pub(crate) mod phase {
    pub(crate) const SMALL: &str = "small parent";
    pub(crate) const LARGE: &str = "parent with 1 GiB";
    pub(crate) const BACK_TO_BACK: &str = "back to back";
    pub(crate) const THROUGHPUT: &str = "throughput";
    pub(crate) const INSIDE: &str = "inside the function";
    pub(crate) const FIRST_CALL: &str = "first call";
    pub(crate) const MEMORY: &str = "memory";

    // Those of the feature `layers`.
    #[cfg(feature = "layers")]
    pub(crate) const LAYERS_FRESH: &str = "each layer: fresh calls a second from 2 threads";
    #[cfg(feature = "layers")]
    pub(crate) const LAYERS_PER_CALL: &str = "each layer: the profile names its argument";
    #[cfg(feature = "layers")]
    pub(crate) const LAYERS_FILES: &str = "each layer: open, read, close 64 KiB";

    // Those of `--scale`.
    pub(crate) const BUILDS: &str = "builds";
    pub(crate) const FUNCTIONS: &str = "functions in the binary";
    pub(crate) const FUNCTIONS_FIRST: &str = "functions in the binary, first call";
    pub(crate) const OPERATIONS: &str = "operations in the profile";
    pub(crate) const OPERATIONS_FIRST: &str = "operations in the profile, first call";
    pub(crate) const PROFILES: &str = "profiles in the process";
}

pub(crate) const FRESH: &str = "gaol fresh";
pub(crate) const FRESH_WITH_FILES: &str = "gaol fresh, a granted directory";
pub(crate) const REUSED: &str = "gaol reused";
pub(crate) const EXEC: &str = "gaol exec";
pub(crate) const PER_CALL: &str = "gaol, the profile names its argument";

pub(crate) const MEM_ISOLATE: &str = "mem-isolate";
pub(crate) const PROCESS_FUN: &str = "process-fun";
pub(crate) const PROCSPAWN: &str = "procspawn";
pub(crate) const POOL: &str = "procspawn pool of one";
pub(crate) const BWRAP: &str = "bwrap /bin/true";
#[cfg(feature = "wasmtime")]
pub(crate) const WASMTIME: &str = "wasmtime, instantiate and call";

pub(crate) const FORK: &str = "floor: fork, _exit, wait";
pub(crate) const SPAWN_TRUE: &str = "floor: posix_spawn /bin/true";
pub(crate) const SPAWN_SELF: &str = "floor: posix_spawn of this binary";
pub(crate) const ZYGOTE: &str = "floor: bare zygote with a spare";
pub(crate) const ZYGOTE_ASKS_AFTERWARDS: &str = "floor: bare zygote with a spare, next asked for afterwards";
pub(crate) const CONFINED: &str = "floor: zygote under every layer, with a spare";
pub(crate) const ZYGOTE_WITHOUT_SPARE: &str = "floor: bare zygote without a spare";
pub(crate) const SOCKETS: &str = "floor: socketpair round trip";

pub(crate) const EMPTY: &str = "gaol, no bytes";
pub(crate) const ARGUMENT: &str = "argument";
pub(crate) const ARGUMENT_OWNED: &str = "argument, Vec<u8>";
pub(crate) const RESULT: &str = "result";
pub(crate) const BUILD: &str = "the result built, not returned";
pub(crate) const MEMCPY: &str = "floor: memcpy, both resident";
pub(crate) const MEMCPY_FRESH: &str = "floor: memcpy into a new Vec";
pub(crate) const MEMFD: &str = "floor: pwrite to and read from a memfd, all resident";
pub(crate) const APART: &str = "floor: pwrite to a memfd, read by another process, all resident";
pub(crate) const APART_EMPTY: &str = "floor: the same without bytes";
pub(crate) const MEMFD_FRESH: &str = "floor: pwrite to a new memfd and read into a new Vec";

pub(crate) const FIRST_CALL: &str = "first call of a process";

pub(crate) const RESIDENT: &str = "resident memory of the parent";
pub(crate) const IDLE: &str = "template and spare, unshared";

pub(crate) const COMPUTE: &str = "compute";
pub(crate) const READ_FILE: &str = "open, read, close 64 KiB";
pub(crate) const READ_BLOCKS: &str = "read blocks of 4 KiB";
pub(crate) const SANDBOXED: &str = "sandboxed";
pub(crate) const PLAIN: &str = "plain";

pub(crate) const THREADS: [usize; 4] = [1, 2, 4, 8];

pub(crate) fn with_threads(who: &str, threads: usize) -> String {
    format!("{who}, {threads} threads")
}

pub(crate) fn payload(size: &str) -> String {
    format!("payload {size}")
}

pub(crate) fn functions(count: usize) -> String {
    format!("{count} functions")
}

pub(crate) fn operations(count: usize) -> String {
    format!("{count} operations")
}

pub(crate) fn profiles(count: usize) -> String {
    format!("{count} profiles")
}

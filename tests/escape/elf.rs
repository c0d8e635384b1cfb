//! The smallest program there is: it exits with a code, and needs no loader, no library and no memory.

/// A static ELF executable for this machine that makes one system call, `exit(code)`.
pub(crate) fn exits_with(code: u8) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let (machine, text) = instructions(code);
    let mut file = Vec::new();
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |file: &mut Vec<u8>, value: u16| file.extend_from_slice(&value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend_from_slice(&value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend_from_slice(&value.to_le_bytes());
    half(&mut file, 2); // ET_EXEC
    half(&mut file, machine);
    word(&mut file, 1); // EV_CURRENT
    long(&mut file, BASE + HEADERS); // entry
    long(&mut file, 64); // program headers
    long(&mut file, 0); // no sections
    word(&mut file, 0); // flags
    for value in [64, 56, 1, 0, 0, 0] {
        half(&mut file, value);
    }
    let size = HEADERS + text.len() as u64;
    word(&mut file, 1); // PT_LOAD
    word(&mut file, 5); // readable, executable
    long(&mut file, 0);
    long(&mut file, BASE);
    long(&mut file, BASE);
    long(&mut file, size);
    long(&mut file, size);
    long(&mut file, 0x1000);
    file.extend_from_slice(&text);
    file
}

#[cfg(target_arch = "x86_64")]
fn instructions(code: u8) -> (u16, Vec<u8>) {
    // mov edi, code; mov eax, 60; syscall
    (62, vec![0xbf, code, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05])
}

#[cfg(target_arch = "aarch64")]
fn instructions(code: u8) -> (u16, Vec<u8>) {
    // mov x0, code; mov x8, 93; svc 0
    let move_code = 0xd280_0000_u32 | u32::from(code) << 5;
    let words = [move_code, 0xd280_0ba8, 0xd400_0001];
    (183, words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

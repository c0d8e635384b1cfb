//! What a process says before a violation ends it. There is no parent to say it to.

use crate::sys::layers::seccomp;

/// Says on the standard error which system call it was. Runs in a signal handler: no allocation, no lock.
pub(super) fn report_violation(number: u32, _arguments: &[u64; 6]) {
    let mut line = Line::default();
    line.push(b"gaol: the profile does not allow system call ");
    line.push_number(number);
    if let Some(name) = seccomp::name(i64::from(number)) {
        line.push(b" (");
        line.push(name.as_bytes());
        line.push(b")");
    }
    line.push(b"\n");
    let _ = rustix::io::write(rustix::stdio::stderr(), line.bytes());
}

/// A line that is being written. What does not fit is left out.
struct Line {
    bytes: [u8; 128],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 128], length: 0 }
    }
}

impl Line {
    fn push(&mut self, text: &[u8]) {
        for (place, byte) in self.bytes[self.length..].iter_mut().zip(text) {
            *place = *byte;
            self.length += 1;
        }
    }

    fn push_number(&mut self, number: u32) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        self.push(&[b'0' + (number % 10) as u8]);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_what_fits() {
        let mut line = Line::default();
        for number in [0, 7, 10, 257, u32::MAX] {
            line.push_number(number);
            line.push(b" ");
        }
        assert_eq!(line.bytes(), b"0 7 10 257 4294967295 ");
        line.push(&[b'x'; 200]);
        assert_eq!(line.bytes().len(), 128);
    }
}

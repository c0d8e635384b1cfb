//! The shapes that the filters are tried in.

use super::super::{Gate, Paths, Shape};
use crate::profile::Violation;

/// Every shape that a profile can have, and of files, TCP and threads every combination besides.
pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for paths in [Paths::None, Paths::Visible, Paths::Judged] {
        for (threads, listen) in pairs_of(&[Gate::Closed, Gate::ZygoteRequest, Gate::Open]) {
            for bits in 0..1 << 10 {
                let bit = |index: u32| bits >> index & 1 != 0;
                let shape = Shape {
                    paths,
                    write: bit(0),
                    private_root: bit(1),
                    tcp: bit(2),
                    udp: bit(3),
                    unix: bit(4),
                    listen,
                    bind_udp: bit(5),
                    exec: bit(6),
                    system_info: bit(7),
                    narrows: bit(8),
                    threads,
                    violation: if bit(9) { Violation::Kill } else { Violation::Deny },
                };
                let can_be = match paths {
                    Paths::None => !shape.write && !shape.exec,
                    Paths::Visible => true,
                    Paths::Judged => !shape.private_root && !shape.exec,
                };
                if can_be || extras(&shape) == 0 {
                    shapes.push(shape);
                }
            }
        }
    }
    shapes
}

fn pairs_of<T: Copy>(values: &[T]) -> impl Iterator<Item = (T, T)> {
    values.iter().flat_map(move |one| values.iter().map(move |other| (*one, *other)))
}

/// How much a shape has beside files, TCP and threads.
fn extras(shape: &Shape) -> usize {
    let listens = shape.listen != Gate::Closed;
    [shape.udp, shape.unix, listens, shape.bind_udp, shape.exec, shape.system_info, shape.narrows]
        .into_iter()
        .filter(|extra| *extra)
        .count()
}

/// As many as there is time for when each is tried in full: without extras, with each alone, and with all at once.
pub(super) fn few_shapes() -> Vec<Shape> {
    let mut shapes = shapes();
    shapes.retain(|shape| {
        let plain = shape.write == shape.tcp && shape.private_root == (shape.threads == Gate::Open);
        let typical =
            shape.paths == Paths::Visible && shape.threads == Gate::ZygoteRequest && shape.write && !shape.tcp;
        shape.violation == Violation::Deny
            && match extras(shape) {
                0 => plain,
                1 => typical && shape.private_root,
                7 => typical,
                _ => false,
            }
    });
    shapes
}

/// What a shape has, for printing.
pub(super) fn in_words(shape: &Shape) -> String {
    let mut words = vec![format!("{:?}", shape.paths)];
    for (has, word) in [
        (shape.write, "write"),
        (shape.private_root, "private_root"),
        (shape.tcp, "tcp"),
        (shape.udp, "udp"),
        (shape.unix, "unix"),
        (shape.bind_udp, "bind_udp"),
        (shape.exec, "exec"),
        (shape.system_info, "system_info"),
        (shape.narrows, "narrows"),
    ] {
        words.extend(has.then(|| word.to_owned()));
    }
    words.push(format!("listen={:?} threads={:?}", shape.listen, shape.threads));
    words.join(" ")
}

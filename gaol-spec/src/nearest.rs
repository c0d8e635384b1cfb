//! The "did you mean" of every message.

/// The candidate that the word is most likely a misspelling of, if one is close enough to be worth proposing.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    // A third of the letters may be wrong: `raed` proposes `read`, `exec` does not propose `net`.
    let limit = word.chars().count().div_ceil(3);
    let closest = candidates
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate);
    closest.or_else(|| {
        let begins =
            |candidate: &&&str| word.len() >= 3 && (candidate.starts_with(&word) || word.starts_with(**candidate));
        candidates.iter().find(begins).copied()
    })
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in table.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in table[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            table[i][j] = replace.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                table[i][j] = table[i][j].min(table[i - 2][j - 2] + 1);
            }
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposes_the_closest_word() {
        let keys = ["read", "write", "metadata", "net", "env", "time", "memory", "file_size", "stdout"];
        for (word, expected) in [
            ("writes", Some("write")),
            ("raed", Some("read")),
            ("READ", Some("read")),
            ("mem", Some("memory")),
            ("filesize", Some("file_size")),
            ("environment", Some("env")),
            ("network", Some("net")),
            ("std_out", Some("stdout")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &keys), expected, "{word}");
        }
    }
}

//! Covering arrays: few rows in which every pair, or every triple, of values of different factors stands together at least once.
//!
//! The rows are found greedily and in a fixed order, so that a run can be repeated. Which values exclude each other is told by a
//! predicate on rows that are filled in part: it holds as long as nothing that excludes another is in them.

/// A row that is being filled: the value of each factor, as far as there is one.
pub(crate) type Partial = Vec<Option<usize>>;

/// Values of different factors that are to stand together, by factor.
pub(crate) type Group = Vec<(usize, usize)>;

/// Rows in which each group of `strength` values stands together that may, and each of `seeds` as well.
///
/// `sizes` says how many values each factor has.
pub(crate) fn covering(
    sizes: &[usize],
    strength: usize,
    allowed: &dyn Fn(&Partial) -> bool,
    seeds: &[Group],
) -> Vec<Vec<usize>> {
    let mut open: Vec<Group> = groups(sizes, strength);
    open.retain(|group| complete(&with(&vec![None; sizes.len()], group), sizes, allowed).is_some());
    let mut seeds: Vec<Group> = seeds.to_vec();
    seeds.retain(|seed| complete(&with(&vec![None; sizes.len()], seed), sizes, allowed).is_some());
    let mut seeds = seeds.into_iter();
    let mut rows = Vec::new();
    while let Some(first) = seeds.next().or_else(|| open.first().cloned()) {
        let mut row = with(&vec![None; sizes.len()], &first);
        for factor in 0..sizes.len() {
            if row[factor].is_none() {
                row[factor] = Some(best(&row, factor, sizes, &open, allowed));
            }
        }
        let row: Vec<usize> = row.into_iter().flatten().collect();
        open.retain(|group| !holds(&row, group));
        rows.push(row);
    }
    rows
}

/// The value that lets most open groups stand together, of those with which the row can be completed. Of equals the one that is used least
/// so far would be as good as the first.
fn best(row: &Partial, factor: usize, sizes: &[usize], open: &[Group], allowed: &dyn Fn(&Partial) -> bool) -> usize {
    let gain = |value: usize| {
        let mut filled = row.clone();
        filled[factor] = Some(value);
        // What is complete counts most; what may become complete counts too.
        let weigh = |group: &&Group| {
            let fits = group.iter().all(|(of, value)| filled[*of].is_none_or(|found| found == *value));
            let touches = group.iter().any(|(of, its)| *of == factor && *its == value);
            if !fits || !touches {
                return 0;
            }
            let there = group.iter().filter(|(of, _)| filled[*of].is_some()).count();
            if there == group.len() { 1000 } else { there }
        };
        open.iter().map(|group| weigh(&group)).sum::<usize>()
    };
    let possible = |value: &usize| {
        let mut filled = row.clone();
        filled[factor] = Some(*value);
        complete(&filled, sizes, allowed).is_some()
    };
    // The first of the best.
    let values = (0..sizes[factor]).filter(possible);
    values.rev().max_by_key(|value| gain(*value)).expect("a row that is begun can be completed")
}

/// Some full row that holds what `row` does.
fn complete(row: &Partial, sizes: &[usize], allowed: &dyn Fn(&Partial) -> bool) -> Option<Partial> {
    if !allowed(row) {
        return None;
    }
    let Some(factor) = row.iter().position(Option::is_none) else { return Some(row.clone()) };
    (0..sizes[factor]).find_map(|value| {
        let mut filled = row.clone();
        filled[factor] = Some(value);
        complete(&filled, sizes, allowed)
    })
}

fn with(row: &Partial, group: &Group) -> Partial {
    let mut row = row.clone();
    for (factor, value) in group {
        row[*factor] = Some(*value);
    }
    row
}

fn holds(row: &[usize], group: &Group) -> bool {
    group.iter().all(|(factor, value)| row[*factor] == *value)
}

/// Every choice of `strength` factors, with every choice of their values.
fn groups(sizes: &[usize], strength: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![Vec::new()];
    for _ in 0..strength {
        let longer = |group: &Group| {
            let next = group.last().map_or(0, |(factor, _)| factor + 1);
            let group = group.clone();
            let one = move |factor: usize, value: usize| {
                let mut group = group.clone();
                group.push((factor, value));
                group
            };
            (next..sizes.len()).flat_map(move |factor| {
                let one = one.clone();
                (0..sizes[factor]).map(move |value| one(factor, value))
            })
        };
        groups = groups.iter().flat_map(longer).collect();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 7] = [4, 2, 3, 2, 5, 2, 3];

    /// The second value of the second factor wants the last of the third; the first factor's last excludes the sixth's first.
    fn allowed(row: &Partial) -> bool {
        let is = |factor: usize, value: usize| row[factor] == Some(value);
        let excluded = [is(1, 1) && row[2].is_some_and(|value| value != 2), is(0, 3) && is(5, 0)];
        excluded == [false; 2]
    }

    #[track_caller]
    fn assert_covers(strength: usize, allowed: &dyn Fn(&Partial) -> bool) -> usize {
        let rows = covering(&SIZES, strength, allowed, &[]);
        for row in &rows {
            assert_eq!(row.len(), SIZES.len());
            assert!(row.iter().zip(SIZES).all(|(value, size)| *value < size), "{row:?}");
            assert!(allowed(&row.iter().copied().map(Some).collect()), "{row:?} holds what excludes each other");
        }
        let mut possible = 0;
        for group in groups(&SIZES, strength) {
            let there = rows.iter().any(|row| holds(row, &group));
            let may_be = complete(&with(&vec![None; SIZES.len()], &group), &SIZES, allowed).is_some();
            assert_eq!(there, may_be, "{group:?}");
            possible += usize::from(may_be);
        }
        assert!(possible > 0);
        rows.len()
    }

    #[test]
    fn every_pair_that_may_be_is_covered() {
        let rows = assert_covers(2, &|_| true);
        // No fewer than the two largest factors ask for, and not many more.
        assert!((20..=28).contains(&rows), "{rows} rows");
        assert_covers(2, &allowed);
    }

    #[test]
    fn every_triple_that_may_be_is_covered() {
        let rows = assert_covers(3, &|_| true);
        assert!((60..=100).contains(&rows), "{rows} rows");
        assert_covers(3, &allowed);
    }

    #[test]
    fn a_seed_stands_in_some_row_if_it_may() {
        let seeds = [vec![(0, 2), (2, 1), (3, 1), (4, 4), (6, 0)], vec![(0, 3), (4, 3), (5, 0)]];
        let rows = covering(&SIZES, 2, &allowed, &seeds);
        assert_eq!(seeds.map(|seed| rows.iter().any(|row| holds(row, &seed))), [true, false]);
        assert!(rows.len() < 30, "{} rows", rows.len());
    }

    #[test]
    fn the_same_rows_come_each_time() {
        assert_eq!(covering(&SIZES, 2, &allowed, &[]), covering(&SIZES, 2, &allowed, &[]));
    }
}

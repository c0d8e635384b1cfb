//! Tainted collections, element by element.

use std::collections::{
    BTreeMap, BTreeSet, HashMap, HashSet, VecDeque, btree_map, btree_set, hash_map, hash_set, vec_deque,
};
use std::fmt;
use std::iter::FusedIterator;
use std::{array, slice, vec};

use super::Tainted;

/// The elements of a tainted collection, each tainted.
///
/// ```
/// use gaol::Tainted;
///
/// let names = Tainted::new(vec!["cat".to_owned(), "dog/..".to_owned()]);
/// let plain = |name: String| if name.contains('/') { Err(name) } else { Ok(name) };
/// let names: Vec<String> = names.into_iter().filter_map(|name| name.verify(plain).ok()).collect();
/// assert_eq!(names, ["cat"]);
/// ```
///
/// How many there are is not hidden. It is a number that the child chose, within what its reply could hold.
#[derive(Clone)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct TaintedIter<I>(I);

impl<I: Iterator> Iterator for TaintedIter<I> {
    type Item = Tainted<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Tainted)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for TaintedIter<I> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(Tainted)
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for TaintedIter<I> {}
impl<I: FusedIterator> FusedIterator for TaintedIter<I> {}

/// Prints nothing of the elements, which the iterator inside would.
impl<I> fmt::Debug for TaintedIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaintedIter(..)")
    }
}

/// Implements `IntoIterator` for a tainted collection and for a borrow of it.
///
/// Only for the standard library's collections, which hold their elements: a range has as many as it says, and another type's iterator
/// may be any code.
macro_rules! iterate {
    ($($collection:ty, [$($generics:tt)*] $owned:ty, $borrowed:ty;)*) => {$(
        impl<$($generics)*> IntoIterator for Tainted<$collection> {
            type Item = Tainted<<$owned as Iterator>::Item>;
            type IntoIter = TaintedIter<$owned>;

            fn into_iter(self) -> Self::IntoIter {
                TaintedIter(self.0.into_iter())
            }
        }

        impl<'a, $($generics)*> IntoIterator for &'a Tainted<$collection> {
            type Item = Tainted<<$borrowed as Iterator>::Item>;
            type IntoIter = TaintedIter<$borrowed>;

            fn into_iter(self) -> Self::IntoIter {
                TaintedIter(self.0.iter())
            }
        }
    )*};
}

iterate! {
    Vec<T>, [T] vec::IntoIter<T>, slice::Iter<'a, T>;
    [T; N], [T, const N: usize] array::IntoIter<T, N>, slice::Iter<'a, T>;
    VecDeque<T>, [T] vec_deque::IntoIter<T>, vec_deque::Iter<'a, T>;
    BTreeSet<T>, [T] btree_set::IntoIter<T>, btree_set::Iter<'a, T>;
    HashSet<T, S>, [T, S] hash_set::IntoIter<T>, hash_set::Iter<'a, T>;
    BTreeMap<K, V>, [K, V] btree_map::IntoIter<K, V>, btree_map::Iter<'a, K, V>;
    HashMap<K, V, S>, [K, V, S] hash_map::IntoIter<K, V>, hash_map::Iter<'a, K, V>;
}

/// Puts the elements of a tainted list back, or some of them.
impl<T> FromIterator<Tainted<T>> for Tainted<Vec<T>> {
    fn from_iter<I: IntoIterator<Item = Tainted<T>>>(elements: I) -> Self {
        Self(elements.into_iter().map(|element| element.0).collect())
    }
}

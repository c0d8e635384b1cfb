use std::collections::{BTreeSet, HashSet};

use gaol::Tainted;

fn main() {
    let width = Tainted::new(1_u32);
    let _ = width == Tainted::new(1);
    let _ = width == 1;
    let _ = width < Tainted::new(1);
    let _ = HashSet::from([width]);
    let _ = BTreeSet::from([width]);
}

//! `&mut T` and `&mut [T]` come back.

use std::collections::BTreeMap;

use gaol::sandboxed;

#[sandboxed]
fn number(count: &mut u32) -> gaol::Result<()> {
    *count += 1;
    Ok(())
}

#[sandboxed]
fn collections(text: &mut String, list: &mut Vec<u8>, map: &mut BTreeMap<String, u8>) -> gaol::Result<usize> {
    text.clear();
    list.push(1);
    map.clear();
    Ok(list.len())
}

#[sandboxed]
fn slices(bytes: &mut [u8], texts: &mut [String], floats: &mut [f64]) -> gaol::Result<()> {
    bytes.fill(1);
    texts.sort();
    floats.fill(0.5);
    Ok(())
}

#[sandboxed(time = "1s", memory = limit)]
fn beside_others(limit: u64, changed: &mut (u8, Option<String>), lent: &str, mut taken: Vec<u8>) -> gaol::Result<Vec<u8>> {
    changed.1 = Some(lent.to_owned());
    taken.clear();
    let _ = limit;
    Ok(taken)
}

fn main() {
    let _ = (number, collections, slices, beside_others);
}

//! The slots of one record by field, as far as they are known.

use super::memo::Slot;

/// The most that are kept as a list.
const MOST_LISTED: usize = 4;

/// The slots of a record. Whoever reads all parts reads one or two fields of each of very many records, and keeps no room for the
/// others; whoever reads one part reads all of its fields.
#[derive(Clone, Debug)]
pub struct Fields(Kept);

#[derive(Clone, Debug)]
enum Kept {
    /// Some fields, in no order, and how many the record has.
    Listed(Vec<(u32, Slot)>, u32),
    /// All fields.
    All(Box<[Slot]>),
}

impl Fields {
    /// Those of a record of which few are likely to be read.
    pub fn few(n: usize) -> Fields {
        Fields(Kept::Listed(Vec::new(), n as u32))
    }

    /// Those of a record of which all are likely to be read.
    pub fn all(n: usize) -> Fields {
        Fields(Kept::All(std::iter::repeat_with(Slot::default).take(n).collect()))
    }

    /// How many fields the record has.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Listed(_, n) => *n as usize,
            Kept::All(all) => all.len(),
        }
    }

    /// The slot of a field.
    #[inline]
    pub fn get(&self, field: u32) -> &Slot {
        match &self.0 {
            Kept::All(all) => &all[field as usize],
            Kept::Listed(some, _) => {
                some.iter().find(|(it, _)| *it == field).map_or(&Slot::Unset, |(_, slot)| slot)
            }
        }
    }

    /// Fills the slot of a field.
    #[inline]
    pub fn set(&mut self, field: u32, slot: Slot) {
        match &mut self.0 {
            Kept::All(all) => all[field as usize] = slot,
            Kept::Listed(..) => self.set_listed(field, slot),
        }
    }

    fn set_listed(&mut self, field: u32, slot: Slot) {
        let Kept::Listed(some, n) = &mut self.0 else { return };
        match some.iter().position(|(it, _)| *it == field) {
            Some(i) => some[i].1 = slot,
            None if some.len() < MOST_LISTED => {
                some.reserve_exact(1);
                some.push((field, slot));
            }
            None => {
                let mut all = Fields::all(*n as usize);
                std::mem::take(some).into_iter().for_each(|(it, known)| all.set(it, known));
                all.set(field, slot);
                *self = all;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::NodeId;

    #[test]
    fn few_and_all_hold_the_same() {
        for mut fields in [Fields::few(9), Fields::all(9)] {
            for (i, field) in [7, 0, 7, 3, 8, 1, 2].into_iter().enumerate() {
                fields.set(field, Slot::Child(NodeId(i as u32)));
            }
            let held = |field| match fields.get(field) {
                Slot::Child(NodeId(i)) => Some(*i),
                _ => None,
            };
            let seen: Vec<Option<u32>> = (0..fields.len() as u32).map(held).collect();
            assert_eq!(seen, [Some(1), Some(5), Some(6), Some(3), None, None, None, Some(2), Some(4)],);
        }
    }
}

//! What differs between two texts, line by line, as a unified diff without names of files.
//!
//! The algorithm is called by its name: `similar::TextDiff` chooses one of six while it runs, so a program has all of them.

use std::convert::Infallible;

use similar::algorithms::{Capture, Compact, IdentifyDistinct, Replace, myers};
use similar::udiff::UnifiedHunkHeader;
use similar::{DiffOp, group_diff_ops};

/// Lines around one that differs.
const N_AROUND: usize = 2;

/// Two texts that were compared.
pub struct Compared<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    operations: Vec<DiffOp>,
}

/// Compares two texts; a line includes its end.
pub fn compare<'a>(old: &'a str, new: &'a str) -> Compared<'a> {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let numbers = IdentifyDistinct::<u32>::new(&old, 0..old.len(), &new, 0..new.len());
    let (left, right) = (numbers.old_lookup(), numbers.new_lookup());
    let mut found = Compact::new(Replace::new(Capture::new()), left, right);
    let Ok::<(), Infallible>(()) =
        myers::diff(&mut found, left, numbers.old_range(), right, numbers.new_range());
    Compared { old, new, operations: found.into_inner().into_inner().into_ops() }
}

impl Compared<'_> {
    /// Counts the lines that only the new text has, and those that only the old one has.
    pub fn counts(&self) -> (usize, usize) {
        let changed = self.operations.iter().filter(|it| !matches!(it, DiffOp::Equal { .. }));
        changed.fold((0, 0), |(come, gone), it| (come + it.new_range().len(), gone + it.old_range().len()))
    }

    /// Returns these lines with some around them: a line with their numbers, then each with its sign.
    pub fn hunks(&self) -> String {
        let mut out = String::new();
        for hunk in group_diff_ops(self.operations.clone(), N_AROUND) {
            out.push_str(&format!("{}\n", UnifiedHunkHeader::new(&hunk)));
            for operation in &hunk {
                if matches!(operation, DiffOp::Equal { .. }) {
                    push_all(&mut out, ' ', &self.old[operation.old_range()]);
                } else {
                    push_all(&mut out, '-', &self.old[operation.old_range()]);
                    push_all(&mut out, '+', &self.new[operation.new_range()]);
                }
            }
        }
        out
    }
}

fn push_all(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_with_those_around_them() {
        let compared = compare("1\n2\n3\n4\n5\n6\n", "1\n2\n3\nfour\n4b\n5\n6\n");
        assert_eq!(compared.counts(), (2, 1));
        assert_eq!(compared.hunks(), "@@ -2,5 +2,6 @@\n 2\n 3\n-4\n+four\n+4b\n 5\n 6\n");
    }

    #[test]
    fn what_is_far_apart_is_shown_apart() {
        let compared = compare("a\n1\n2\n3\n4\n5\nb\n", "1\n2\n3\n4\n5\nc\n");
        assert_eq!(compared.counts(), (1, 2));
        assert_eq!(compared.hunks(), "@@ -1,3 +1,2 @@\n-a\n 1\n 2\n@@ -5,3 +4,3 @@\n 4\n 5\n-b\n+c\n");
    }

    #[test]
    fn a_last_line_without_its_end_is_said_to_be_one() {
        assert_eq!(compare("a", "a\n").hunks(), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    }

    #[test]
    fn texts_that_are_the_same_differ_in_nothing() {
        assert_eq!((compare("a\n", "a\n").counts(), compare("a\n", "a\n").hunks()), ((0, 0), String::new()));
        assert_eq!(compare("", "").hunks(), "");
        assert_eq!(compare("", "a\n").hunks(), "@@ -0,0 +1 @@\n+a\n");
    }

    #[test]
    fn it_is_what_the_library_says_of_whole_texts() {
        let text = |skip: usize, n: usize| {
            (0..n).filter(|it| it % skip != 1).map(|it| format!("{}\n", it % 17)).collect::<String>()
        };
        for (old, new) in [(5, 7), (3, 2), (40, 41), (9, 4)] {
            for n in [3, 50, 99, 300] {
                let (old, new) = (text(old, n), text(new, n + 5));
                let whole = similar::TextDiff::from_lines(&old, &new);
                let compared = compare(&old, &new);
                assert_eq!(compared.hunks(), whole.unified_diff().context_radius(N_AROUND).to_string());
            }
        }
    }
}

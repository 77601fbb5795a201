//! Guesses the name that an admin mistyped.

/// Returns the name that takes the fewest changes to become `wrong`; the first of several.
pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.min_by_key(|name| distance(wrong, name))
}

/// Counts the letters that must be added, left out, changed, or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    // Three rows of the table: the one before the last, the last, and the one being filled.
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<_>>());
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut fewest =
                (at(&last, j) + usize::from(from != to)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&to) && b.get(j - 1) == Some(&from);
            if swapped {
                fewest = fewest.min(at(&before, j - 1) + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_number_of_slips() {
        for (a, b, slips) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("items", "items", 0),
            ("item", "items", 1),
            ("itmes", "items", 1),
            ("xitems", "items", 1),
            ("atoms", "items", 2),
            ("ünode", "node", 1),
        ] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
            assert_eq!(distance(b, a), slips, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["max_items", "max_nodes", "max_room_nodes"];
        for (wrong, right) in [("max_item", 0), ("max_notes", 1), ("max_rooms_node", 2), ("zzz", 0)] {
            assert_eq!(nearest(wrong, names.into_iter()), Some(names[right]), "{wrong}");
        }
        assert_eq!(nearest("a", std::iter::empty()), None);
    }
}

//! Lists of node names.

use std::collections::HashSet;

/// A list of node names. An entry that ends with `*` stands for all names that begin like it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeNames {
    names: HashSet<String>,
    /// The beginnings, without their `*`.
    beginnings: Vec<String>,
    /// Names that a beginning would include, and that were removed.
    except: HashSet<String>,
}

impl NodeNames {
    /// Returns whether the list includes the name of a node.
    pub fn contains(&self, node: &str) -> bool {
        self.names.contains(node) || self.matches(node) && !self.except.contains(node)
    }

    /// Adds an entry.
    pub fn insert(&mut self, entry: &str) {
        self.except.remove(entry);
        match entry.strip_suffix('*') {
            Some(beginning) if self.beginnings.iter().any(|known| known == beginning) => {}
            Some(beginning) => self.beginnings.push(beginning.to_owned()),
            None => _ = self.names.insert(entry.to_owned()),
        }
    }

    /// Removes an entry, or a name that an entry with a `*` includes. Returns whether there was one.
    pub fn remove(&mut self, entry: &str) -> bool {
        let entries = self.len();
        self.names.remove(entry);
        if let Some(beginning) = entry.strip_suffix('*') {
            self.beginnings.retain(|known| known != beginning);
        }
        let is_included = self.contains(entry);
        if is_included {
            self.except.insert(entry.to_owned());
        }
        is_included || self.len() < entries
    }

    /// Returns the entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = String> {
        let beginnings = self.beginnings.iter().map(|beginning| format!("{beginning}*"));
        self.names.iter().cloned().chain(beginnings)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.names.len() + self.beginnings.len()
    }

    /// Returns whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn matches(&self, node: &str) -> bool {
        self.beginnings.iter().any(|beginning| node.starts_with(beginning))
    }
}

impl<S: AsRef<str>> FromIterator<S> for NodeNames {
    fn from_iter<I: IntoIterator<Item = S>>(entries: I) -> Self {
        let mut names = Self::default();
        entries.into_iter().for_each(|entry| names.insert(entry.as_ref()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_name_or_the_beginning_of_names() {
        let mut names: NodeNames = ["urn:a", "urn:b:*", "urn:b:*"].into_iter().collect();
        assert_eq!(names.len(), 2);
        let included = |names: &NodeNames| {
            ["urn:a", "urn:a:1", "urn:b:", "urn:b:1", "urn:b:2", "urn:b"].map(|node| names.contains(node))
        };
        assert_eq!(included(&names), [true, false, true, true, true, false]);
        assert!(names.remove("urn:b:1") && !names.remove("urn:b:1"), "one of many");
        assert_eq!(included(&names), [true, false, true, false, true, false]);
        names.insert("urn:b:1");
        assert_eq!(included(&names), [true, false, true, true, true, false]);
        assert!(names.remove("urn:b:*") && names.remove("urn:a") && !names.remove("urn:c"));
        assert_eq!(
            included(&names),
            [false, false, false, true, false, false],
            "this one was added by itself"
        );
    }
}

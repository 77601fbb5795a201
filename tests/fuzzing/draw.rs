//! Choices by the octets of an input.

use arbitrary::Unstructured;

/// The rest of an input. Without octets left, each choice is the first.
pub struct Draw<'a>(Unstructured<'a>);

impl<'a> Draw<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self(Unstructured::new(input))
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.int_in_range(0..=n.saturating_sub(1)).unwrap_or(0)
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Returns true in about one of `n` cases; never without octets left.
    pub fn once_in(&mut self, n: usize) -> bool {
        !self.is_over() && self.below(n) == n - 1
    }

    pub fn text(&mut self, most: usize) -> String {
        let size = self.below(most + 1).min(self.0.len());
        String::from_utf8_lossy(self.0.bytes(size).unwrap_or_default()).into_owned()
    }

    /// Returns all that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }
}

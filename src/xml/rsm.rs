//! Result set management (XEP-0059): a page of a longer list.

use minidom::Element;

use crate::error::Error;
use crate::xml::{self, With};

/// The namespace of result set management.
pub const NS: &str = "http://jabber.org/protocol/rsm";

/// The requested page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The maximum number of entries; `None` for all.
    pub max: Option<usize>,
    /// Where the page begins or ends.
    pub from: From,
}

/// Where a page begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum From {
    /// Begins with the first entry.
    #[default]
    Start,
    /// Begins after this entry (2.2).
    After(String),
    /// Ends before this entry (2.3).
    Before(String),
    /// The last page (2.5).
    End,
    /// Begins with the entry at this position (2.6).
    Index(usize),
}

/// The part of a list to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The position of the first entry.
    pub start: usize,
    /// The position after the last entry.
    pub end: usize,
    /// Whether a page that is too long loses its first entries instead of its last.
    pub from_end: bool,
}

impl Page {
    /// Reads the `<set/>` in `parent`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `max` or `index` is not a number, or if an element occurs twice.
    pub fn read(parent: &Element) -> Result<Option<Self>, Error> {
        let Some(set) = xml::only_child(parent, "set", NS)? else { return Ok(None) };
        let text = |name| Ok(xml::only_child(set, name, NS)?.map(Element::text));
        let number = |name| match text(name)? {
            None => Ok(None),
            Some(text) => {
                text.trim().parse().map(Some).map_err(|_| Error::Malformed("max and index must be numbers"))
            }
        };
        let from = match (text("before")?, text("after")?, number("index")?) {
            (Some(id), _, _) if id.is_empty() => From::End,
            (Some(id), ..) => From::Before(id),
            (None, Some(id), _) if !id.is_empty() => From::After(id),
            (None, _, Some(index)) => From::Index(index),
            (None, _, None) => From::Start,
        };
        Ok(Some(Self { max: number("max")?, from }))
    }

    /// Returns which of `count` entries are on the page; `position` finds an entry by its id.
    ///
    /// # Errors
    /// [`Error::ItemNotFound`] if the page refers to an entry that does not exist (2.1.1).
    pub fn slice(&self, count: usize, position: impl Fn(&str) -> Option<usize>) -> Result<Slice, Error> {
        let max = self.max.unwrap_or(count);
        let forward =
            |start: usize| Slice { start, end: start.saturating_add(max).min(count), from_end: false };
        let backward = |end: usize| Slice { start: end.saturating_sub(max), end, from_end: true };
        Ok(match &self.from {
            From::Start => forward(0),
            From::End => backward(count),
            From::After(id) => forward(position(id).ok_or(Error::ItemNotFound)? + 1),
            From::Before(id) => backward(position(id).ok_or(Error::ItemNotFound)?),
            From::Index(index) if *index > count => return Err(Error::ItemNotFound),
            From::Index(index) => forward(*index),
        })
    }
}

impl Slice {
    /// Shortens the slice to `limit`, by the size of each entry. One entry always stays.
    #[must_use]
    pub fn fit(self, limit: usize, size: impl Fn(usize) -> usize) -> Self {
        let mut left = limit;
        let mut fits = |at: usize| {
            let size = size(at);
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        };
        let Self { start, end, from_end } = self;
        if from_end {
            let kept = (start..end).rev().take_while(|&at| fits(at)).count().max(1);
            Self { start: end.saturating_sub(kept).max(start), ..self }
        } else {
            let kept = (start..end).take_while(|&at| fits(at)).count().max(1);
            Self { end: (start + kept).min(end), ..self }
        }
    }

    /// Returns the `<set/>` that describes the page and the number of all entries.
    pub fn to_element(self, count: usize, id: impl Fn(usize) -> Option<String>) -> Element {
        let mut set = xml::bare("set", NS);
        let ends = if self.start < self.end { id(self.start).zip(id(self.end - 1)) } else { None };
        if let Some((first, last)) = ends {
            let index = self.start.to_string();
            set.append_child(Element::builder("first", NS).with("index", &index).append(first).build());
            set.append_child(xml::text("last", NS, &last));
        }
        set.append_child(xml::text("count", NS, &count.to_string()));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(set: &str) -> Page {
        let xml = format!("<x xmlns='y'><set xmlns='{NS}'>{set}</set></x>");
        Page::read(&xml.parse().unwrap()).unwrap().unwrap()
    }

    fn slice(set: &str) -> Result<(usize, usize), Error> {
        let slice = page(set).slice(10, |id| id.parse().ok())?;
        Ok((slice.start, slice.end))
    }

    #[test]
    fn pages_are_those_of_xep_0059() {
        assert_eq!(slice("<max>3</max>"), Ok((0, 3)));
        assert_eq!(slice("<max>3</max><after>4</after>"), Ok((5, 8)));
        assert_eq!(slice("<max>3</max><after>8</after>"), Ok((9, 10)));
        assert_eq!(slice("<max>3</max><before>4</before>"), Ok((1, 4)));
        assert_eq!(slice("<max>3</max><before>1</before>"), Ok((0, 1)));
        assert_eq!(slice("<max>3</max><before/>"), Ok((7, 10)));
        assert_eq!(slice("<max>3</max><index>9</index>"), Ok((9, 10)));
        assert_eq!(slice("<max>0</max>"), Ok((0, 0)), "how many are there?");
        assert_eq!(slice("<max>3</max><after>x</after>"), Err(Error::ItemNotFound));
        assert_eq!(slice("<index>11</index>"), Err(Error::ItemNotFound));
    }

    #[test]
    fn a_page_is_cut_at_the_end_that_the_next_one_goes_on_from() {
        let fit = |set, limit| {
            let slice = page(set).slice(10, |id| id.parse().ok()).unwrap().fit(limit, |_| 10);
            (slice.start, slice.end)
        };
        assert_eq!(fit("", 35), (0, 3));
        assert_eq!(fit("<before/>", 35), (7, 10));
        assert_eq!(fit("", 5), (0, 1), "one entry always stays");
        assert_eq!(fit("<max>0</max>", 5), (0, 0));
    }
}

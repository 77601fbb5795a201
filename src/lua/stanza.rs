//! Conversions between Prosody's stanza tables and [`Element`]s.
//!
//! A stanza table has `name`, `attr` and its children in order: tables and strings. Without `attr.xmlns`, an element
//! has the parent's namespace, at the top `jabber:client`. A prefixed attribute `p:name` is stored as
//! `namespace\1name`, and
//! `xml:lang` as it is.

use std::borrow::Cow;

use minidom::rxml::{Namespace, NcName};
use minidom::{Element, Node};
use mlua::prelude::*;

use super::plan::{self, Step};
use super::raw::{self, Key, Keys, Table, Value};
use crate::xml::ns;
use crate::xml::parse::Bounds;

/// A stanza, or only its top element if it exceeds the bounds.
pub(super) enum Walked {
    /// The whole stanza.
    Whole(Element),
    /// The top element with its attributes.
    TooComplex(Element),
}

/// Reads stanza tables.
pub(super) struct Reader<'a> {
    /// The Lua state.
    pub lua: &'a Lua,
    /// The keys of stanza tables.
    pub keys: &'a Keys,
    /// The limits.
    pub bounds: Bounds,
}

impl Reader<'_> {
    /// Reads a stanza.
    ///
    /// # Errors
    /// A Lua error where the table is no stanza.
    pub(super) fn read(&self, stanza: &LuaTable) -> LuaResult<Walked> {
        raw::open(self.lua, self.keys, [stanza], |[stanza]| read(stanza, self.bounds))
    }
}

/// Reads a stanza.
///
/// # Errors
/// A Lua error where the table is no stanza.
pub(super) fn read(stanza: Table<'_>, bounds: Bounds) -> LuaResult<Walked> {
    let mut walk = Walk::new(bounds);
    let (mut top, ns) = walk.start(stanza, ns::CLIENT)?;
    Ok(if walk.children(stanza, &mut top, ns.as_deref().unwrap_or(ns::CLIENT), bounds.depth)? {
        Walked::Whole(top)
    } else {
        // The response needs its addresses and its id, wherever they are among thousands of attributes.
        let mut walk = Walk::new(Bounds { parts: usize::MAX, ..bounds });
        Walked::TooComplex(walk.start(stanza, ns::CLIENT)?.0)
    })
}

/// Reads a child of a presence, up to the size of a real one.
pub(super) fn read_part(tag: Table<'_>) -> LuaResult<Element> {
    let mut walk = Walk::new(PRESENCE);
    let (mut element, ns) = walk.start(tag, ns::CLIENT)?;
    walk.children(tag, &mut element, ns.as_deref().unwrap_or(ns::CLIENT), PRESENCE.depth)?;
    Ok(element)
}

/// Reads the text of a child of a presence, up to the size of a real one.
pub(super) fn text(tag: Table<'_>) -> LuaResult<String> {
    let mut text = String::new();
    for at in 1..=tag.len().min(PRESENCE.parts) {
        tag.at(at, |node| {
            if !node.is_table() {
                text.push_str(&node.text()?);
            }
            Ok(())
        })?;
    }
    Ok(text)
}

/// The children of a presence that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The `<c/>` of XEP-0115.
    Caps,
    /// The `<c/>` of XEP-0390.
    Ecaps2,
    /// The `<show/>`.
    Show,
    /// Any other element.
    Other,
}

/// Returns the kind of a presence's child.
pub(super) fn kind(tag: Table<'_>) -> LuaResult<Kind> {
    tag.get(Key::Name, |name| {
        let name = name.bytes();
        if name != Some(b"c") && name != Some(b"show") {
            return Ok(Kind::Other);
        }
        tag.get(Key::Attr, |attr| {
            attr.table()?.get(Key::Xmlns, |xmlns| {
                Ok(match (name, xmlns.bytes()) {
                    (Some(b"c"), Some(ns)) if ns == ns::CAPS.as_bytes() => Kind::Caps,
                    (Some(b"c"), Some(ns)) if ns == ns::ECAPS2.as_bytes() => Kind::Ecaps2,
                    (Some(b"show"), None) if xmlns.is_nil() => Kind::Show,
                    _ => Kind::Other,
                })
            })
        })
    })
}

/// Returns whether the first child of a stanza is a pubsub request.
pub(super) fn is_pubsub(stanza: Table<'_>) -> LuaResult<bool> {
    stanza.get(Key::Tags, |tags| {
        tags.table()?.at(1, |first| {
            if first.is_nil() {
                return Ok(false);
            }
            is_of(first.table()?, &[ns::PUBSUB, ns::OWNER])
        })
    })
}

/// Returns whether the element's own `xmlns` is one of these namespaces.
fn is_of(element: Table<'_>, any: &[&str]) -> LuaResult<bool> {
    element.get(Key::Attr, |attr| {
        attr.table()?.get(Key::Xmlns, |xmlns| {
            Ok(xmlns.bytes().is_some_and(|xmlns| any.iter().any(|ns| ns.as_bytes() == xmlns)))
        })
    })
}

/// Builds stanza tables with Prosody's own metatable.
pub(super) struct Builder<'a> {
    /// The Lua state.
    pub lua: &'a Lua,
    /// The keys of stanza tables.
    pub keys: &'a Keys,
    /// `util.stanza.stanza_mt`.
    pub metatable: &'a LuaTable,
}

impl Builder<'_> {
    /// Builds a stanza table from an element. Namespaces are explicit, as in the output of Prosody's parser, so that
    /// `get_child` works.
    pub(super) fn build(&self, element: &Element) -> LuaResult<LuaTable> {
        let mut plan = Plan::default();
        plan.element(element, true, None, 1);
        plan::carry_out(self.lua, self.keys, self.metatable, &plan.steps, plan.levels)
    }
}

/// The steps of making a table from an element.
#[derive(Default)]
struct Plan<'a> {
    steps: Vec<Step<'a>>,
    levels: usize,
}

impl<'a> Plan<'a> {
    fn element(
        &mut self,
        element: &'a Element,
        of_stanza: bool,
        place: Option<(usize, usize)>,
        level: usize,
    ) {
        let ns = element.ns();
        // Within a payload, jabber:client must be explicit, or the element would inherit the parent's namespace.
        let plain = of_stanza && ns == ns::CLIENT;
        let attributes = element.attrs().iter().count() + usize::from(!plain);
        self.levels = self.levels.max(level);
        self.steps.push(Step::Start { name: element.name(), attributes, nodes: element.nodes().len() });
        if !plain {
            self.steps.push(Step::Attribute { name: "xmlns".into(), value: ns.into() });
        }
        for ((ns, name), value) in element.attrs() {
            let name = match ns.as_str() {
                "" => Cow::Borrowed(name.as_str()),
                ns if ns == Namespace::XML.as_str() => Cow::Owned(format!("xml:{name}")),
                ns => Cow::Owned(format!("{ns}\u{1}{name}")),
            };
            self.steps.push(Step::Attribute { name, value: value.into() });
        }
        self.steps.push(Step::Inside { elements: element.children().count() });
        let mut elements = 0;
        for (node, at) in element.nodes().zip(1..) {
            match node {
                Node::Element(child) => {
                    elements += 1;
                    self.element(child, plain, Some((at, elements)), level + 1);
                }
                Node::Text(text) => self.steps.push(Step::Text { at, text }),
            }
        }
        self.steps.push(Step::End { place });
    }
}

/// The limits for a child of a presence.
const PRESENCE: Bounds = Bounds { depth: 4, parts: 64 };

struct Walk {
    /// How many elements, attributes and texts may follow.
    left: usize,
    /// How many octets of names and namespaces.
    octets: usize,
    over: bool,
}

impl Walk {
    fn new(bounds: Bounds) -> Self {
        Self { left: bounds.parts, octets: bounds.name_octets(), over: false }
    }

    /// Reads an element with its attributes, and its own namespace if it differs from the inherited one. Attributes
    /// over the limit are counted and left out.
    fn start(&mut self, table: Table<'_>, inherited: &str) -> LuaResult<(Element, Option<String>)> {
        let name = table.get(Key::Name, |name| Ok(name.text()?.into_owned()))?;
        table.get(Key::Attr, |attr| {
            let attr = attr.table()?;
            let own = attr.get(Key::Xmlns, |xmlns| {
                if xmlns.is_nil() { Ok(None) } else { Ok(Some(xmlns.text()?.into_owned())) }
            })?;
            let ns = own.as_deref().unwrap_or(inherited);
            // Over the limit the element is not used, so it need not have its namespace.
            let fits = self.names(name.len() + ns.len());
            let mut element = Element::bare(name, if fits { ns } else { "" });
            attr.each(|key, value| self.attribute(&key.text()?, &value, &mut element))?;
            Ok((element, own))
        })
    }

    /// Reads an attribute. Returns whether it was within the bounds.
    fn attribute(&mut self, key: &str, value: &Value<'_>, element: &mut Element) -> LuaResult<bool> {
        let value = value.text()?;
        if key == "xmlns" {
            return Ok(true);
        }
        if !self.count() || !self.names(key.len()) {
            return Ok(false);
        }
        let (ns, name) = match key.split_once('\u{1}') {
            Some((ns, name)) => (Namespace::from(ns.to_owned()), name),
            None => match key.strip_prefix("xml:") {
                Some(name) => (Namespace::XML, name),
                None => (Namespace::NONE, key),
            },
        };
        let name = NcName::try_from(name).map_err(LuaError::external)?;
        element.set_attr(ns, name, &*value);
        Ok(true)
    }

    /// Reads the children of an element of the namespace `ns`. Returns whether all were within the bounds.
    fn children(
        &mut self,
        table: Table<'_>,
        element: &mut Element,
        ns: &str,
        depth: usize,
    ) -> LuaResult<bool> {
        let count = table.len();
        if count > 0 && depth <= 1 {
            return Ok(false);
        }
        for at in 1..=count {
            let within = self.count() && table.at(at, |child| self.child(&child, element, ns, depth - 1))?;
            if !within {
                return Ok(false);
            }
        }
        Ok(!self.over)
    }

    fn child(
        &mut self,
        child: &Value<'_>,
        element: &mut Element,
        inherited: &str,
        depth: usize,
    ) -> LuaResult<bool> {
        if let Some(text) = child.bytes() {
            element.append_text_node(std::str::from_utf8(text).map_err(LuaError::external)?);
            return Ok(true);
        }
        if !child.is_table() {
            let message = format!("a stanza contains stanzas and strings, not a {}", child.type_name());
            return Err(LuaError::runtime(message));
        }
        let child = child.table()?;
        let (mut built, own) = self.start(child, inherited)?;
        if !self.children(child, &mut built, own.as_deref().unwrap_or(inherited), depth)? {
            return Ok(false);
        }
        element.append_child(built);
        Ok(true)
    }

    /// Counts the octets of a part's name and namespace. Returns whether they were within the bounds.
    fn names(&mut self, octets: usize) -> bool {
        self.over |= octets > self.octets;
        self.octets = self.octets.saturating_sub(octets);
        !self.over
    }

    /// Counts one part. Returns whether it was within the bounds.
    fn count(&mut self) -> bool {
        self.over |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        !self.over
    }
}

//! Prosody's stanza tables and [`Element`]s, both ways.
//!
//! A stanza table has `name`, `attr` and its children in order: tables and strings. A missing `attr.xmlns` means the
//! parent's namespace, at the top `jabber:client`; a prefixed attribute `p:name` is stored as `namespace\1name`, and
//! `xml:lang` as it is.

use minidom::rxml::{Namespace, NcName};
use minidom::{Element, Node};
use mlua::prelude::*;

use crate::ns;

/// How much of a stanza is walked. Checked before anything is built: dropping a tree of tens of thousands of
/// levels, which fits Prosody's limit for a stanza, would overflow the stack and end the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Levels.
    pub depth: usize,
    /// Elements, attributes and texts.
    pub parts: usize,
}

/// A stanza, or only its top where it goes beyond the bounds.
pub(super) enum Walked {
    /// All of it.
    Whole(Element),
    /// Its start tag.
    TooComplex(Element),
}

/// Reads a stanza table.
///
/// # Errors
/// A Lua error where the table is no stanza.
pub(super) fn read(stanza: &LuaTable, bounds: Bounds) -> LuaResult<Walked> {
    let mut walk = Walk { left: bounds.parts, over: false };
    let mut top = walk.start(stanza, ns::CLIENT)?;
    Ok(if walk.children(stanza, &mut top, bounds.depth)? {
        Walked::Whole(top)
    } else {
        // The answer needs its addresses and its id, wherever they stand among thousands.
        let mut walk = Walk { left: usize::MAX, over: false };
        Walked::TooComplex(walk.start(stanza, ns::CLIENT)?)
    })
}

/// Reads the first child of a stanza of this name and namespace (`None`: the stanza's own), up to what anybody needs
/// of it.
pub(super) fn read_child(stanza: &LuaTable, name: &str, ns: Option<&str>) -> LuaResult<Option<Element>> {
    let tags: LuaTable = stanza.raw_get("tags")?;
    for at in 1..=tags.raw_len() {
        let tag: LuaTable = tags.raw_get(at)?;
        let xmlns: Option<LuaString> = tag.raw_get::<LuaTable>("attr")?.raw_get("xmlns")?;
        let same_ns = match (&xmlns, ns) {
            (Some(xmlns), Some(ns)) => *xmlns.as_bytes() == *ns.as_bytes(),
            (None, None) => true,
            _ => false,
        };
        if same_ns && tag.raw_get::<LuaString>("name")?.as_bytes() == name.as_bytes() {
            let mut walk = Walk { left: MAX_PARTS, over: false };
            let mut element = walk.start(&tag, ns.unwrap_or(ns::CLIENT))?;
            walk.children(&tag, &mut element, MAX_DEPTH)?;
            return Ok(Some(element));
        }
    }
    Ok(None)
}

/// Whether the first child of a stanza is a pubsub request.
pub(super) fn is_pubsub(stanza: &LuaTable) -> LuaResult<bool> {
    let first: Option<LuaTable> = stanza.raw_get::<LuaTable>("tags")?.raw_get(1)?;
    let Some(first) = first else { return Ok(false) };
    let xmlns: Option<LuaString> = first.raw_get::<LuaTable>("attr")?.raw_get("xmlns")?;
    let xmlns = xmlns.as_ref().map(LuaString::as_bytes);
    Ok(xmlns.is_some_and(|xmlns| [ns::PUBSUB, ns::OWNER].map(str::as_bytes).contains(&&*xmlns)))
}

/// Builds stanza tables with Prosody's own metatable.
pub(super) struct Builder<'a> {
    /// The state.
    pub lua: &'a Lua,
    /// `util.stanza.stanza_mt`.
    pub metatable: &'a LuaTable,
}

impl Builder<'_> {
    /// An element as a stanza table. Namespaces are written out, as Prosody's own parser does it, so that
    /// `get_child` finds what it looks for.
    pub(super) fn build(&self, element: &Element) -> LuaResult<LuaTable> {
        self.element(element, true)
    }

    /// An element that is no stanza: with its namespace, whichever it is.
    pub(super) fn build_inner(&self, element: &Element) -> LuaResult<LuaTable> {
        self.element(element, false)
    }

    fn element(&self, element: &Element, of_stanza: bool) -> LuaResult<LuaTable> {
        let attr = self.lua.create_table()?;
        let ns = element.ns();
        // Within a payload jabber:client has to be said, or it would be read as the parent's.
        let plain = of_stanza && ns == ns::CLIENT;
        if !plain {
            attr.raw_set("xmlns", ns)?;
        }
        for ((ns, name), value) in element.attrs() {
            match ns.as_str() {
                "" => attr.raw_set(name.as_str(), value.as_str())?,
                ns if ns == Namespace::XML.as_str() => attr.raw_set(format!("xml:{name}"), value.as_str())?,
                ns => attr.raw_set(format!("{ns}\u{1}{name}"), value.as_str())?,
            }
        }
        let table = self.lua.create_table_with_capacity(element.nodes().len(), 3)?;
        let tags = self.lua.create_table()?;
        for (at, node) in element.nodes().enumerate() {
            match node {
                Node::Element(child) => {
                    let child = self.element(child, plain)?;
                    tags.raw_push(&child)?;
                    table.raw_set(at + 1, child)?;
                }
                Node::Text(text) => table.raw_set(at + 1, text.as_str())?,
            }
        }
        table.raw_set("name", element.name())?;
        table.raw_set("attr", attr)?;
        table.raw_set("tags", tags)?;
        table.set_metatable(Some(self.metatable.clone()))?;
        Ok(table)
    }
}

/// More elements, attributes and texts than any element has that is read by itself.
const MAX_PARTS: usize = 64;

/// More levels than it has.
const MAX_DEPTH: usize = 4;

struct Walk {
    left: usize,
    over: bool,
}

impl Walk {
    /// An element with its attributes. More attributes than there may be are left out, and counted.
    fn start(&mut self, table: &LuaTable, inherited: &str) -> LuaResult<Element> {
        let name: LuaString = table.raw_get("name")?;
        let attr: LuaTable = table.raw_get("attr")?;
        let xmlns: Option<LuaString> = attr.raw_get("xmlns")?;
        let mut element = match &xmlns {
            Some(xmlns) => Element::bare(&*name.to_str()?, &*xmlns.to_str()?),
            None => Element::bare(&*name.to_str()?, inherited),
        };
        for pair in attr.pairs::<LuaString, LuaString>() {
            let (key, value) = pair?;
            let (key, value) = (key.to_str()?, value.to_str()?);
            if &*key == "xmlns" {
                continue;
            }
            if !self.count() {
                break;
            }
            let (ns, name) = match key.split_once('\u{1}') {
                Some((ns, name)) => (Namespace::from(ns.to_owned()), name),
                None => match key.strip_prefix("xml:") {
                    Some(name) => (Namespace::XML, name),
                    None => (Namespace::NONE, &*key),
                },
            };
            let name = NcName::try_from(name).map_err(LuaError::external)?;
            element.set_attr(ns, name, &*value);
        }
        Ok(element)
    }

    /// Reads what is in an element; whether all of it was within the bounds.
    fn children(&mut self, table: &LuaTable, element: &mut Element, depth: usize) -> LuaResult<bool> {
        let count = table.raw_len();
        if count > 0 && depth <= 1 {
            return Ok(false);
        }
        for at in 1..=count {
            if !self.count() {
                return Ok(false);
            }
            match table.raw_get(at)? {
                LuaValue::String(text) => element.append_text_node(&*text.to_str()?),
                LuaValue::Table(child) => {
                    let mut built = self.start(&child, &element.ns())?;
                    if !self.children(&child, &mut built, depth - 1)? {
                        return Ok(false);
                    }
                    element.append_child(built);
                }
                other => {
                    let message = format!("a stanza holds stanzas and strings, not a {}", other.type_name());
                    return Err(LuaError::runtime(message));
                }
            }
        }
        Ok(!self.over)
    }

    /// Counts one part; whether it was within the bounds.
    fn count(&mut self) -> bool {
        self.over |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        !self.over
    }
}

//! A client's answer about its capabilities: reading it, and computing its hash.

use std::collections::HashSet;

use minidom::Element;
use once_cell::unsync::OnceCell;

use super::hash::{Hash, Method};
use crate::caps::NodeSet;
use crate::id::NodeName;
use crate::xml::{self, ns};

/// The suffix of a feature that expresses interest in a node's events (XEP-0163, 4.3).
const NOTIFY: &str = "+notify";

/// The maximum size of a node's name, in octets: longer ones can't exist.
const MAX_NODE: usize = 1023;

/// The maximum size of all node names of one client, in octets.
const MAX_OCTETS: usize = 64 * 1024;

/// A client's disco#info answer.
#[derive(Debug)]
pub struct Info {
    identities: Vec<Identity>,
    features: Vec<String>,
    forms: Vec<Form>,
    /// The language of the whole answer. Prosody adds one to stanzas whose stream has none, so it is unknown whether an
    /// identity inherits it: both readings are tried.
    inherited: Option<String>,
    /// Whether the answer has other elements.
    has_more: bool,
    /// The inputs of the hash functions, by method and reading, computed on demand.
    inputs: [OnceCell<String>; 4],
}

/// Why an answer has no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IllFormed {
    /// Two identities of the same category, type, language and name (XEP-0115, 5.4, 3.3).
    #[error("an identity occurs twice")]
    Identity,
    /// The same feature twice (XEP-0115, 5.4, 3.4).
    #[error("a feature occurs twice")]
    Feature,
    /// Two forms of one type, or a form of two types (XEP-0115, 5.4, 3.5); or a form without one (XEP-0390, 4.1).
    #[error("a form's type occurs twice, or not at all")]
    FormType,
    /// A part that contains a separator, or that could be read as another part: an answer with it could have another
    /// client's hash and a different meaning (XEP-0115, 5.4, the warning).
    #[error("ambiguous part")]
    Ambiguous,
    /// An element that the hash function's input does not cover (XEP-0390, 4.1).
    #[error("an element is not covered by the hash")]
    Uncovered,
    /// More elements than the limit allows.
    #[error("too many features")]
    TooLarge,
}

impl Info {
    /// Reads `query`, which may have at most `max` features, identities and forms; `lang` is the language if the query
    /// has none.
    ///
    /// # Errors
    /// [`IllFormed::TooLarge`].
    pub fn read(query: &Element, lang: Option<&str>, max: usize) -> Result<Self, IllFormed> {
        if query.children().count() > max {
            return Err(IllFormed::TooLarge);
        }
        let attr = |element: &Element, name: &str| element.attr(name).unwrap_or_default().to_owned();
        let mut info = Self {
            identities: Vec::new(),
            features: Vec::new(),
            forms: Vec::new(),
            inherited: xml::lang(query).or(lang).map(str::to_owned),
            has_more: false,
            inputs: Default::default(),
        };
        for child in query.children() {
            if child.is("identity", ns::DISCO_INFO) {
                info.identities.push(Identity {
                    category: attr(child, "category"),
                    kind: attr(child, "type"),
                    lang: xml::lang(child).map(str::to_owned),
                    name: attr(child, "name"),
                });
            } else if child.is("feature", ns::DISCO_INFO) {
                info.features.push(attr(child, "var"));
            } else if child.is("x", ns::DATA) {
                info.forms.push(Form::read(child));
            } else {
                info.has_more = true;
            }
        }
        Ok(info)
    }

    /// Returns whether `claimed` is the hash of this answer, in either reading of its language.
    ///
    /// # Errors
    /// [`IllFormed`] if the answer has no hash. XEP-0115 demands that such an answer is refused.
    pub fn matches(&self, claimed: &Hash) -> Result<bool, IllFormed> {
        Ok(self.hash(claimed, Reading::Own)? == *claimed
            || self.hash(claimed, Reading::Inherited)? == *claimed)
    }

    /// Returns the nodes that the client is interested in: its features that end in `+notify`.
    pub fn interests(&self) -> NodeSet {
        let nodes = self.features.iter().filter_map(|feature| feature.strip_suffix(NOTIFY));
        let mut left = MAX_OCTETS;
        let bounded = nodes.filter(|node| (1..=MAX_NODE).contains(&node.len())).take_while(|node| {
            let fits = node.len() <= left;
            left = left.saturating_sub(node.len());
            fits
        });
        bounded.map(NodeName::from).collect()
    }

    /// Computes the hash of this answer with the method and function of `like`.
    fn hash(&self, like: &Hash, reading: Reading) -> Result<Hash, IllFormed> {
        Ok(Hash::of(like.method, like.algorithm, self.input(like.method, reading)?.as_bytes()))
    }

    #[cfg(test)]
    pub(super) fn hash_for_test(&self, method: Method, algorithm: super::hash::Algorithm) -> Hash {
        Hash::of(method, algorithm, self.input(method, Reading::Own).unwrap().as_bytes())
    }

    fn input(&self, method: Method, reading: Reading) -> Result<&str, IllFormed> {
        let [caps, caps_inherited, ecaps2, ecaps2_inherited] = &self.inputs;
        let (cell, lang) = match (method, reading) {
            (Method::Caps, Reading::Own) => (caps, None),
            (Method::Caps, Reading::Inherited) => (caps_inherited, self.inherited.as_deref()),
            (Method::Ecaps2, Reading::Own) => (ecaps2, None),
            (Method::Ecaps2, Reading::Inherited) => (ecaps2_inherited, self.inherited.as_deref()),
        };
        let input = cell.get_or_try_init(|| match method {
            Method::Caps => self.verification_string(lang),
            Method::Ecaps2 => self.hash_function_input(lang),
        })?;
        Ok(input)
    }

    /// XEP-0115, 5.1: everything sorted by octets, with `<` after each part.
    fn verification_string(&self, lang: Option<&str>) -> Result<String, IllFormed> {
        let mut identities: Vec<_> = self.identities.iter().map(|identity| identity.line(lang)).collect();
        identities.sort_unstable();
        let mut features: Vec<&str> = self.features.iter().map(String::as_str).collect();
        features.sort_unstable();
        let mut forms = Vec::new();
        for form in &self.forms {
            forms.extend(form.extension()?);
        }
        forms.sort_unstable_by_key(|&(form_type, _)| form_type);

        unique(&identities).ok_or(IllFormed::Identity)?;
        unique(&features).ok_or(IllFormed::Feature)?;
        unique(&forms.iter().map(|(form_type, _)| form_type).collect::<Vec<_>>())
            .ok_or(IllFormed::FormType)?;

        let mut others: Vec<&str> = Vec::new();
        for (form_type, form) in forms {
            others.push(form_type);
            others.extend(form.fields.iter().filter(|field| field.var != FORM_TYPE).flat_map(Field::parts));
        }
        let all = || identities.iter().map(String::as_str).chain(others.iter().copied());
        if all().any(|part| part.contains('<') || part.ends_with(NOTIFY))
            || features.iter().any(|f| f.contains('<'))
        {
            return Err(IllFormed::Ambiguous);
        }
        let parts = identities.iter().map(String::as_str).chain(features).chain(others);
        Ok(parts.flat_map(|part| [part, "<"]).collect())
    }

    /// XEP-0390, 4.1: everything sorted by octets, with the separator of its level after each part.
    fn hash_function_input(&self, lang: Option<&str>) -> Result<String, IllFormed> {
        if self.has_more || self.forms.iter().any(|form| form.is_table) {
            return Err(IllFormed::Uncovered);
        }
        if self.parts().chain(lang).any(|part| part.contains(SEPARATORS)) {
            return Err(IllFormed::Ambiguous);
        }
        let features = self.features.iter().map(|feature| format!("{feature}{UNIT}"));
        let identities = self.identities.iter().map(|Identity { category, kind, lang: own, name }| {
            let lang = own.as_deref().or(lang).unwrap_or_default();
            format!("{category}{UNIT}{kind}{UNIT}{lang}{UNIT}{name}{UNIT}{RECORD}")
        });
        let mut forms = Vec::new();
        for form in &self.forms {
            form.extension()?.ok_or(IllFormed::FormType)?;
            let fields = form.fields.iter().map(|field| {
                let parts = field.parts().flat_map(|part| [part, "\u{1f}"]).collect::<String>();
                format!("{parts}{RECORD}")
            });
            forms.push(sorted(fields, GROUP));
        }
        Ok([sorted(features, FILE), sorted(identities, FILE), sorted(forms, FILE)].concat())
    }

    /// Returns all texts of the answer.
    fn parts(&self) -> impl Iterator<Item = &str> {
        let identities = self.identities.iter().flat_map(|Identity { category, kind, lang, name }| {
            [category, kind, name].into_iter().chain(lang).map(String::as_str)
        });
        let forms = self.forms.iter().flat_map(|form| form.fields.iter().flat_map(Field::parts));
        self.features.iter().map(String::as_str).chain(identities).chain(forms)
    }
}

/// The separators of XEP-0390, from the outermost. XML forbids these characters.
const FILE: char = '\u{1c}';
const GROUP: char = '\u{1d}';
const RECORD: char = '\u{1e}';
const UNIT: char = '\u{1f}';
const SEPARATORS: [char; 4] = [FILE, GROUP, RECORD, UNIT];

/// Sorts and concatenates the parts, with `end` after them.
fn sorted(parts: impl IntoIterator<Item = String>, end: char) -> String {
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_unstable();
    parts.push(end.to_string());
    parts.concat()
}

/// The language of an identity without `xml:lang`.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// None: the attribute is not inherited.
    Own,
    /// The language of the answer around it.
    Inherited,
}

#[derive(Debug)]
struct Identity {
    category: String,
    kind: String,
    lang: Option<String>,
    name: String,
}

impl Identity {
    fn line(&self, inherited: Option<&str>) -> String {
        let lang = self.lang.as_deref().or(inherited).unwrap_or_default();
        format!("{}/{}/{lang}/{}", self.category, self.kind, self.name)
    }
}

const FORM_TYPE: &str = "FORM_TYPE";

/// A form inside an answer (XEP-0128), with its fields and their values sorted.
#[derive(Debug)]
struct Form {
    fields: Vec<Field>,
    /// Whether it has rows (XEP-0004, 3.4).
    is_table: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    var: String,
    values: Vec<String>,
    is_hidden: bool,
}

impl Form {
    fn read(form: &Element) -> Self {
        let mut read = Self { fields: Vec::new(), is_table: false };
        for child in form.children() {
            if child.is("field", ns::DATA) {
                let values = child.children().filter(|value| value.is("value", ns::DATA));
                let mut values: Vec<_> = values.map(Element::text).collect();
                values.sort_unstable();
                let var = child.attr("var").unwrap_or_default().to_owned();
                read.fields.push(Field { var, values, is_hidden: child.attr("type") == Some("hidden") });
            } else {
                read.is_table |= child.is("reported", ns::DATA) || child.is("item", ns::DATA);
            }
        }
        read.fields.sort_unstable();
        read
    }

    /// Returns the form with its type; `None` without a hidden `FORM_TYPE`, as XEP-0115 ignores such forms (5.4, 3.6).
    fn extension(&self) -> Result<Option<(&str, &Self)>, IllFormed> {
        let mut types = self.fields.iter().filter(|field| field.var == FORM_TYPE);
        let (Some(field), None) = (types.next(), types.next()) else {
            return if self.fields.iter().any(|field| field.var == FORM_TYPE) {
                Err(IllFormed::FormType)
            } else {
                Ok(None)
            };
        };
        match (field.values.first(), field.values.last()) {
            (Some(first), Some(last)) if first != last => Err(IllFormed::FormType),
            (Some(form_type), _) if field.is_hidden => Ok(Some((form_type, self))),
            _ => Ok(None),
        }
    }
}

impl Field {
    /// Returns the name and the values.
    fn parts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.var).chain(&self.values).map(String::as_str)
    }
}

fn unique<T: std::hash::Hash + Eq>(parts: &[T]) -> Option<()> {
    let mut seen = HashSet::with_capacity(parts.len());
    parts.iter().all(|part| seen.insert(part)).then_some(())
}

#[cfg(test)]
mod tests;

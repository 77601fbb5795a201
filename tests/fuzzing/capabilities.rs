//! Answers about capabilities: verified as a plain second reading of XEP-0115 and XEP-0390 verifies them, and no two
//! answers with one hash mean different interests.

use std::collections::BTreeSet;

use mep_core::caps::{Algorithm, Hash, Info, Method};
use minidom::Element;
use minidom::rxml::{Namespace, NcName};

use super::draw::Draw;

const DISCO: &str = "http://jabber.org/protocol/disco#info";
const DATA: &str = "jabber:x:data";
/// Parts that could be read as others: with separators, with what a feature ends with, empty.
const PARTS: [&str; 12] =
    ["a", "b", "", "a/b", "a<b", "urn:a+notify", "urn:b+notify", "+notify", "client/pc//x", "ü", "<", "/"];

#[derive(Debug, Clone, Default, PartialEq)]
struct Answer {
    lang: Option<&'static str>,
    /// Category, type, language, name.
    identities: Vec<(String, String, Option<&'static str>, String)>,
    features: Vec<String>,
    forms: Vec<Form>,
    has_more: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Form {
    /// Name, whether it is hidden, values.
    fields: Vec<(String, bool, Vec<String>)>,
    is_table: bool,
}

pub fn run(input: &[u8]) {
    let mut draw = Draw::new(input);
    let one = answer(&mut draw);
    let other = if draw.below(2) == 0 { changed(one.clone(), &mut draw) } else { answer(&mut draw) };
    for answer in [&one, &other] {
        for (method, algorithm) in WAYS {
            let own = answer.input(method, None).map(|text| Hash::of(method, algorithm, text.as_bytes()));
            let info = answer.read();
            let none = || Hash { method, algorithm, value: "".into() };
            let found = info.matches(own.as_ref().unwrap_or(&none()));
            assert_eq!(found.ok(), own.map(|_| true), "{answer:?}");
            let inherited = answer.input(method, answer.lang);
            let hash = inherited.map(|text| Hash::of(method, algorithm, text.as_bytes()));
            if let (Some(hash), true) = (hash, answer.input(method, None).is_some()) {
                assert_eq!(info.matches(&hash), Ok(true), "{answer:?}");
            }
        }
    }
    for (method, algorithm) in WAYS {
        let Some(text) = one.input(method, None) else { continue };
        let hash = Hash::of(method, algorithm, text.as_bytes());
        if other.read().matches(&hash) == Ok(true) {
            assert_eq!(one.interests(), other.interests(), "one hash, two meanings: {one:?} {other:?}");
        }
    }
}

const WAYS: [(Method, Algorithm); 3] = [
    (Method::Caps, Algorithm::Sha1),
    (Method::Ecaps2, Algorithm::Sha256),
    (Method::Ecaps2, Algorithm::Sha3_256),
];

fn part(draw: &mut Draw<'_>) -> String {
    draw.one_of(&PARTS).to_owned()
}

fn answer(draw: &mut Draw<'_>) -> Answer {
    let langs = [None, None, Some("en"), Some("de"), Some("")];
    let mut answer = Answer { lang: draw.one_of(&langs), ..Answer::default() };
    for _ in 0..draw.below(4) {
        answer.identities.push((part(draw), part(draw), draw.one_of(&langs), part(draw)));
    }
    answer.features.extend((0..draw.below(5)).map(|_| part(draw)).collect::<Vec<_>>());
    for _ in 0..draw.below(3) {
        let mut form = Form { is_table: draw.once_in(8), ..Form::default() };
        for _ in 0..draw.below(4) {
            let name = if draw.below(2) == 0 { "FORM_TYPE".to_owned() } else { part(draw) };
            let values = (0..draw.below(3)).map(|_| part(draw)).collect();
            form.fields.push((name, draw.below(4) > 0, values));
        }
        answer.forms.push(form);
    }
    answer.has_more = draw.once_in(10);
    answer
}

/// The same with one part moved to another place, as a liar would.
fn changed(mut answer: Answer, draw: &mut Draw<'_>) -> Answer {
    match draw.below(4) {
        0 => {
            if let Some(feature) = answer.features.pop() {
                answer.identities.push((feature, String::new(), None, String::new()));
            }
        }
        1 => {
            if let Some((category, kind, _, name)) = answer.identities.pop() {
                answer.features.push(format!("{category}/{kind}//{name}"));
            }
        }
        2 => {
            let form = answer.forms.pop().unwrap_or_default();
            answer
                .features
                .extend(form.fields.into_iter().flat_map(|(name, _, values)| [vec![name], values].concat()));
        }
        _ => answer.features.reverse(),
    }
    answer
}

impl Answer {
    fn read(&self) -> Info {
        Info::read(&self.element(), None, 100).unwrap()
    }

    fn element(&self) -> Element {
        let mut query = Element::bare("query", DISCO);
        let attr = |element: &mut Element, name: &str, value: &str| {
            element.set_attr(Namespace::NONE, NcName::try_from(name).unwrap(), value);
        };
        let lang = |element: &mut Element, lang: Option<&str>| {
            if let Some(lang) = lang {
                element.set_attr(Namespace::XML, NcName::try_from("lang").unwrap(), lang);
            }
        };
        lang(&mut query, self.lang);
        for (category, kind, own, name) in &self.identities {
            let mut identity = Element::bare("identity", DISCO);
            attr(&mut identity, "category", category);
            attr(&mut identity, "type", kind);
            attr(&mut identity, "name", name);
            lang(&mut identity, *own);
            query.append_child(identity);
        }
        for var in &self.features {
            let mut feature = Element::bare("feature", DISCO);
            attr(&mut feature, "var", var);
            query.append_child(feature);
        }
        for form in &self.forms {
            let mut x = Element::bare("x", DATA);
            for (var, is_hidden, values) in &form.fields {
                let mut field = Element::bare("field", DATA);
                attr(&mut field, "var", var);
                if *is_hidden {
                    attr(&mut field, "type", "hidden");
                }
                for text in values {
                    let mut value = Element::bare("value", DATA);
                    value.append_text(text.clone());
                    field.append_child(value);
                }
                x.append_child(field);
            }
            if form.is_table {
                x.append_child(Element::bare("reported", DATA));
            }
            query.append_child(x);
        }
        if self.has_more {
            query.append_child(Element::bare("more", "urn:more"));
        }
        query
    }

    fn interests(&self) -> BTreeSet<String> {
        self.read().interests().iter().map(ToString::to_string).collect()
    }

    /// The input of the hash function; `None`: the answer must be refused.
    fn input(&self, method: Method, lang: Option<&str>) -> Option<String> {
        match method {
            Method::Caps => self.verification_string(lang),
            Method::Ecaps2 => self.hash_function_input(lang),
        }
    }

    /// XEP-0115, 5.1 and 5.4.
    fn verification_string(&self, lang: Option<&str>) -> Option<String> {
        let mut text = String::new();
        let mut identities = BTreeSet::new();
        for (category, kind, own, name) in &self.identities {
            let line = format!("{category}/{kind}/{}/{name}", own.or(lang).unwrap_or_default());
            if line.contains('<') || line.ends_with("+notify") || !identities.insert(line) {
                return None;
            }
        }
        identities.iter().for_each(|line| text.extend([line, "<"]));
        let mut features = BTreeSet::new();
        if self.features.iter().any(|feature| feature.contains('<') || !features.insert(feature)) {
            return None;
        }
        features.iter().for_each(|feature| text.extend([feature, "<"]));
        let mut forms = BTreeSet::new();
        for form in &self.forms {
            let Some(form_type) = form.form_type()? else { continue };
            if forms.iter().any(|(known, _)| *known == form_type) {
                return None;
            }
            forms.insert((form_type, form.lines()));
        }
        for (form_type, fields) in forms {
            let fields = fields.iter().filter(|(name, _)| name != "FORM_TYPE");
            let parts = fields.flat_map(|(name, values)| std::iter::once(name).chain(values));
            for part in std::iter::once(&form_type).chain(parts) {
                if part.contains('<') || part.ends_with("+notify") {
                    return None;
                }
                text.extend([part, "<"]);
            }
        }
        Some(text)
    }

    /// XEP-0390, 4.1.
    fn hash_function_input(&self, lang: Option<&str>) -> Option<String> {
        if self.has_more || self.forms.iter().any(|form| form.is_table) {
            return None;
        }
        let joined = |mut parts: Vec<String>, end: &str| {
            parts.sort();
            parts.concat() + end
        };
        let features = self.features.iter().map(|feature| format!("{feature}\u{1f}")).collect();
        let identity = |(category, kind, own, name): &(String, String, Option<&str>, String)| {
            let lang = own.or(lang).unwrap_or_default();
            format!("{category}\u{1f}{kind}\u{1f}{lang}\u{1f}{name}\u{1f}\u{1e}")
        };
        let mut forms = Vec::new();
        for form in &self.forms {
            form.form_type()??;
            let field = |(name, values): (String, Vec<String>)| {
                let parts: String =
                    std::iter::once(name).chain(values).map(|part| format!("{part}\u{1f}")).collect();
                format!("{parts}\u{1e}")
            };
            forms.push(joined(form.lines().into_iter().map(field).collect(), "\u{1d}"));
        }
        let identities = self.identities.iter().map(identity).collect();
        Some(joined(features, "\u{1c}") + &joined(identities, "\u{1c}") + &joined(forms, "\u{1c}"))
    }
}

impl Form {
    /// `None`: two types. `Some(None)`: no hidden type, so the form does not count.
    #[allow(clippy::option_option, reason = "both are needed, and nowhere else")]
    fn form_type(&self) -> Option<Option<String>> {
        let types: Vec<_> = self.fields.iter().filter(|(name, ..)| name == "FORM_TYPE").collect();
        let (_, is_hidden, values) = match types[..] {
            [] => return Some(None),
            [only] => only,
            _ => return None,
        };
        let distinct: BTreeSet<_> = values.iter().collect();
        match (distinct.len(), is_hidden) {
            (0, _) | (1, false) => Some(None),
            (1, true) => Some(values.first().cloned()),
            _ => None,
        }
    }

    /// The fields with their values, sorted.
    fn lines(&self) -> Vec<(String, Vec<String>)> {
        let sorted = |(name, _, values): &(String, bool, Vec<String>)| {
            let mut values = values.clone();
            values.sort();
            (name.clone(), values)
        };
        let mut lines: Vec<_> = self.fields.iter().map(sorted).collect();
        lines.sort();
        lines
    }
}

//! An answer to disco#info (XEP-0030), read as capabilities are read from it: the verification string of XEP-0115
//! and the nodes whose events the client wants.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minidom::Element;
use minidom::rxml::Namespace;
use once_cell::unsync::OnceCell;
use sha1::{Digest, Sha1};

use super::Hash;
use crate::interest::NodeSet;
use crate::node::NodeName;
use crate::ns;

/// How a feature ends that stands for the wish to be told of a node's events (XEP-0163, 4.3).
const NOTIFY: &str = "+notify";

/// Octets of a node's name that may be wanted: no longer one can be published.
const MAX_NODE: usize = 1023;

/// Octets of all the nodes' names that one client may want.
const MAX_OCTETS: usize = 64 * 1024;

/// What a client said of itself.
#[derive(Debug)]
pub struct Info {
    identities: Vec<Identity>,
    features: Vec<String>,
    forms: Vec<Extension>,
    /// The language of the whole answer. Prosody stamps one on stanzas whose stream set none, so whether an
    /// identity inherits it can't be known: both readings are tried.
    inherited: Option<String>,
    /// The verification string under each reading, once asked for.
    own_string: OnceCell<String>,
    inherited_string: OnceCell<String>,
}

/// An answer that breaks a rule of XEP-0115, 5.4 (3.3 to 3.5): it says nothing, for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IllFormed {
    /// Two identities of the same category, type, language and name.
    #[error("an identity comes twice")]
    Identity,
    /// The same feature twice.
    #[error("a feature comes twice")]
    Feature,
    /// Two forms of one type, or a form of two types.
    #[error("a form's type comes twice")]
    FormType,
    /// A part that holds the separator of the verification string, or that would be read as another part: with it, an
    /// answer could be made that has somebody else's hash and means something else (XEP-0115, 5.4, the warning).
    #[error("a part could be taken for another")]
    Ambiguous,
    /// More features than are looked at.
    #[error("too many features")]
    TooLarge,
}

impl Info {
    /// Reads `query`; `lang` is the language that holds where the query names none. At most `max` features,
    /// identities and forms are looked at.
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
            inherited: self::lang(query).or(lang).map(str::to_owned),
            own_string: OnceCell::new(),
            inherited_string: OnceCell::new(),
        };
        for child in query.children() {
            if child.is("identity", ns::DISCO_INFO) {
                info.identities.push(Identity {
                    category: attr(child, "category"),
                    kind: attr(child, "type"),
                    lang: self::lang(child).map(str::to_owned),
                    name: attr(child, "name"),
                });
            } else if child.is("feature", ns::DISCO_INFO) {
                info.features.push(attr(child, "var"));
            } else if child.is("x", ns::DATA) {
                info.forms.extend(Extension::read(child)?);
            }
        }
        if info.is_ambiguous() { Err(IllFormed::Ambiguous) } else { Ok(info) }
    }

    /// Whether the same string could be that of another answer, with other interests.
    fn is_ambiguous(&self) -> bool {
        let identities = self.identities.iter().flat_map(|identity| {
            let lang = identity.lang.iter().chain(&self.inherited);
            [&identity.category, &identity.kind, &identity.name].into_iter().chain(lang).map(String::as_str)
        });
        let mut others = identities.chain(self.forms.iter().flat_map(Extension::parts));
        others.any(|part| part.contains('<') || part.ends_with(NOTIFY))
            || self.features.iter().any(|feature| feature.contains('<'))
    }

    /// Whether `claimed` is the hash of this answer, under either reading of its language.
    ///
    /// # Errors
    /// [`IllFormed`] where XEP-0115, 5.4 has the whole answer refused.
    pub fn matches(&self, claimed: &Hash) -> Result<bool, IllFormed> {
        Ok(self.hash(Reading::Own)? == *claimed || self.hash(Reading::Inherited)? == *claimed)
    }

    /// The nodes that the client wants events of: features that end in `+notify`.
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

    fn hash(&self, reading: Reading) -> Result<Hash, IllFormed> {
        let string = self.verification_string(reading)?;
        Ok(Hash::sha1(&BASE64_STANDARD.encode(Sha1::digest(string))))
    }

    /// XEP-0115, 5.1: everything sorted by octets, each part closed by `<`.
    fn verification_string(&self, reading: Reading) -> Result<&String, IllFormed> {
        let (cell, lang) = match reading {
            Reading::Own => (&self.own_string, None),
            Reading::Inherited => (&self.inherited_string, self.inherited.as_deref()),
        };
        cell.get_or_try_init(|| {
            let mut identities: Vec<_> = self.identities.iter().map(|identity| identity.line(lang)).collect();
            identities.sort_unstable();
            let mut features: Vec<&str> = self.features.iter().map(String::as_str).collect();
            features.sort_unstable();
            let mut forms: Vec<&Extension> = self.forms.iter().collect();
            forms.sort_unstable_by(|a, b| a.form_type.cmp(&b.form_type));

            unique(&identities).ok_or(IllFormed::Identity)?;
            unique(&features).ok_or(IllFormed::Feature)?;
            unique(&forms.iter().map(|form| &form.form_type).collect::<Vec<_>>())
                .ok_or(IllFormed::FormType)?;

            let mut string = String::new();
            let lines = identities.iter().map(String::as_str).chain(features);
            for part in lines.chain(forms.into_iter().flat_map(Extension::parts)) {
                string.push_str(part);
                string.push('<');
            }
            Ok(string)
        })
    }
}

/// Which language an identity without `xml:lang` is in.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// None: the attribute counts where it stands.
    Own,
    /// That of the answer around it.
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

/// A form inside an answer (XEP-0128), with its fields and their values sorted.
#[derive(Debug)]
struct Extension {
    form_type: String,
    fields: Vec<(String, Vec<String>)>,
}

impl Extension {
    /// Reads a form; `None` for one without a hidden `FORM_TYPE`, which does not count (XEP-0115, 5.4, 3.6).
    fn read(form: &Element) -> Result<Option<Self>, IllFormed> {
        let mut form_type = None;
        let mut fields = Vec::new();
        for field in form.children().filter(|child| child.is("field", ns::DATA)) {
            let var = field.attr("var").unwrap_or_default();
            let mut values: Vec<_> =
                field.children().filter(|value| value.is("value", ns::DATA)).map(Element::text).collect();
            if var == "FORM_TYPE" {
                values.dedup();
                if values.len() > 1 || form_type.is_some() {
                    return Err(IllFormed::FormType);
                }
                if field.attr("type") == Some("hidden") {
                    form_type = values.pop();
                }
            } else {
                values.sort_unstable();
                fields.push((var.to_owned(), values));
            }
        }
        fields.sort_unstable();
        Ok(form_type.map(|form_type| Self { form_type, fields }))
    }

    /// Its type, then each field's name with its values.
    fn parts(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().flat_map(|(var, values)| std::iter::once(var).chain(values));
        std::iter::once(&self.form_type).chain(fields).map(String::as_str)
    }
}

fn lang(element: &Element) -> Option<&str> {
    element.attr_ns(&Namespace::XML, "lang")
}

fn unique<T: std::hash::Hash + Eq>(parts: &[T]) -> Option<()> {
    let mut seen = HashSet::with_capacity(parts.len());
    parts.iter().all(|part| seen.insert(part)).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// XEP-0115, 5.2.
    const EXODUS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
        <identity category='client' type='pc' name='Exodus 0.9.1'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='http://jabber.org/protocol/muc'/>
        <feature var='http://jabber.org/protocol/caps'/>
      </query>";

    /// XEP-0115, 5.3.
    const PSI: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
        <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
        <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
        <feature var='http://jabber.org/protocol/caps'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='http://jabber.org/protocol/muc'/>
        <x xmlns='jabber:x:data' type='result'>
          <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
          <field var='ip_version'><value>ipv4</value><value>ipv6</value></field>
          <field var='os'><value>Mac</value></field>
          <field var='os_version'><value>10.5.1</value></field>
          <field var='software'><value>Psi</value></field>
          <field var='software_version'><value>0.11</value></field>
        </x>
      </query>";

    fn read(xml: &str, lang: Option<&str>) -> Info {
        Info::read(&xml.parse().unwrap(), lang, 100).unwrap()
    }

    fn matches(xml: &str, ver: &str) -> Result<bool, IllFormed> {
        read(xml, None).matches(&Hash::sha1(ver))
    }

    #[test]
    fn the_examples_of_xep_0115_have_their_hashes() {
        assert_eq!(matches(EXODUS, "QgayPKawpkPSDYmwT/WM94uAlu0="), Ok(true));
        assert_eq!(matches(PSI, "q07IKJEyjvHSyhy//CH0CxmKi8w="), Ok(true));
        assert_eq!(matches(EXODUS, "q07IKJEyjvHSyhy//CH0CxmKi8w="), Ok(false));
    }

    #[test]
    fn the_string_is_that_of_xep_0115() {
        let string = "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<\
            http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<";
        assert_eq!(read(EXODUS, None).verification_string(Reading::Own).unwrap(), string);
    }

    #[test]
    fn a_stamped_language_does_not_spoil_an_honest_hash() {
        let stamped = read(EXODUS, Some("en"));
        assert_eq!(stamped.matches(&Hash::sha1("QgayPKawpkPSDYmwT/WM94uAlu0=")), Ok(true));
        let string = stamped.verification_string(Reading::Inherited).unwrap().clone();
        assert!(string.starts_with("client/pc/en/Exodus"), "{string}");
        let inherited = Hash::sha1(&BASE64_STANDARD.encode(Sha1::digest(string)));
        assert_eq!(stamped.matches(&inherited), Ok(true));
    }

    #[test]
    fn ill_formed_answers_are_refused_whole() {
        let query =
            |inner: &str| format!("<query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query>");
        let form = |kind: &str| {
            format!(
                "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>{kind}</value></field></x>"
            )
        };
        let cases = [
            ("<identity category='client' type='pc'/>".repeat(2), IllFormed::Identity),
            ("<feature var='a'/>".repeat(2), IllFormed::Feature),
            (form("a").repeat(2), IllFormed::FormType),
        ];
        for poison in [
            "<feature var='urn:x&lt;urn:y+notify'/>",
            "<identity category='client&lt;urn:y+notify' type='pc'/>",
            "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>urn:x</value></field>\
             <field var='urn:y+notify'/></x>",
        ] {
            let read = Info::read(&query(poison).parse().unwrap(), None, 100);
            assert_eq!(read.err(), Some(IllFormed::Ambiguous), "{poison}");
        }
        for (inner, error) in cases {
            assert_eq!(matches(&query(&inner), "x"), Err(error), "{inner}");
        }
        let two_types = query(&form("a</value><value>b"));
        assert_eq!(Info::read(&two_types.parse().unwrap(), None, 100).err(), Some(IllFormed::FormType));
        let many = query(&"<feature var='a'/>".repeat(101));
        assert_eq!(Info::read(&many.parse().unwrap(), None, 100).err(), Some(IllFormed::TooLarge));
    }

    #[test]
    fn a_form_without_a_hidden_type_does_not_count() {
        for form in [
            "<x xmlns='jabber:x:data'><field var='os'><value>Mac</value></field></x>",
            "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>urn:x</value></field></x>",
        ] {
            let query = EXODUS.replace("</query>", &format!("{form}</query>"));
            assert_eq!(matches(&query, "QgayPKawpkPSDYmwT/WM94uAlu0="), Ok(true));
        }
    }

    #[test]
    fn interests_are_the_features_that_end_in_notify() {
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:b+notify'/>\
            <feature var='urn:c'/><feature var='urn:a+notify'/><feature var='+notify'/></query>";
        let nodes: Vec<_> = read(query, None).interests().iter().map(ToString::to_string).collect();
        assert_eq!(nodes, ["urn:a", "urn:b"]);
    }

    proptest! {
        #[test]
        fn any_permutation_of_an_answer_has_the_same_hash(order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle()) {
            let query: Element = PSI.parse().unwrap();
            let parts: Vec<_> = query.children().cloned().collect();
            let mut shuffled = Element::bare("query", ns::DISCO_INFO);
            for at in order {
                shuffled.append_child(parts[at].clone());
            }
            let info = Info::read(&shuffled, None, 100).unwrap();
            prop_assert_eq!(info.matches(&Hash::sha1("q07IKJEyjvHSyhy//CH0CxmKi8w=")), Ok(true));
        }
    }
}

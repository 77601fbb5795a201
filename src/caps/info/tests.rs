//! The examples of both XEPs, and what must hold for any answer.

use std::collections::{BTreeMap, BTreeSet};

use minidom::rxml::Namespace;
use proptest::prelude::*;

use super::*;
use crate::caps::hash::Algorithm;

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

/// XEP-0390, 4.5.1.
const BOMBUS: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
        <identity category='client' name='BombusMod' type='mobile'/>
        <feature var='http://jabber.org/protocol/si'/>
        <feature var='http://jabber.org/protocol/bytestreams'/>
        <feature var='http://jabber.org/protocol/chatstates'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='urn:xmpp:ping'/>
        <feature var='jabber:iq:time'/>
        <feature var='jabber:iq:privacy'/>
        <feature var='jabber:iq:version'/>
        <feature var='http://jabber.org/protocol/rosterx'/>
        <feature var='urn:xmpp:time'/>
        <feature var='jabber:x:oob'/>
        <feature var='http://jabber.org/protocol/ibb'/>
        <feature var='http://jabber.org/protocol/si/profile/file-transfer'/>
        <feature var='urn:xmpp:receipts'/>
        <feature var='jabber:iq:roster'/>
        <feature var='jabber:iq:last'/>
    </query>";

/// XEP-0390, 4.5.2.
const TKABBER: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>
        <identity category='client' name='Tkabber' type='pc' xml:lang='en'/>
        <identity category='client' name='Ткаббер' type='pc' xml:lang='ru'/>
        <feature var='games:board'/>
        <feature var='http://jabber.org/protocol/activity'/>
        <feature var='http://jabber.org/protocol/activity+notify'/>
        <feature var='http://jabber.org/protocol/bytestreams'/>
        <feature var='http://jabber.org/protocol/chatstates'/>
        <feature var='http://jabber.org/protocol/commands'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='http://jabber.org/protocol/evil'/>
        <feature var='http://jabber.org/protocol/feature-neg'/>
        <feature var='http://jabber.org/protocol/geoloc'/>
        <feature var='http://jabber.org/protocol/geoloc+notify'/>
        <feature var='http://jabber.org/protocol/ibb'/>
        <feature var='http://jabber.org/protocol/iqibb'/>
        <feature var='http://jabber.org/protocol/mood'/>
        <feature var='http://jabber.org/protocol/mood+notify'/>
        <feature var='http://jabber.org/protocol/rosterx'/>
        <feature var='http://jabber.org/protocol/si'/>
        <feature var='http://jabber.org/protocol/si/profile/file-transfer'/>
        <feature var='http://jabber.org/protocol/tune'/>
        <feature var='http://www.facebook.com/xmpp/messages'/>
        <feature var='http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify'/>
        <feature var='jabber:iq:avatar'/>
        <feature var='jabber:iq:browse'/>
        <feature var='jabber:iq:dtcp'/>
        <feature var='jabber:iq:filexfer'/>
        <feature var='jabber:iq:ibb'/>
        <feature var='jabber:iq:inband'/>
        <feature var='jabber:iq:jidlink'/>
        <feature var='jabber:iq:last'/>
        <feature var='jabber:iq:oob'/>
        <feature var='jabber:iq:privacy'/>
        <feature var='jabber:iq:roster'/>
        <feature var='jabber:iq:time'/>
        <feature var='jabber:iq:version'/>
        <feature var='jabber:x:data'/>
        <feature var='jabber:x:event'/>
        <feature var='jabber:x:oob'/>
        <feature var='urn:xmpp:avatar:metadata+notify'/>
        <feature var='urn:xmpp:ping'/>
        <feature var='urn:xmpp:receipts'/>
        <feature var='urn:xmpp:time'/>
        <x xmlns='jabber:x:data' type='result'>
          <field type='hidden' var='FORM_TYPE'>
            <value>urn:xmpp:dataforms:softwareinfo</value>
          </field>
          <field var='software'>
            <value>Tkabber</value>
          </field>
          <field var='software_version'>
            <value>0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)</value>
          </field>
          <field var='os'>
            <value>Windows</value>
          </field>
          <field var='os_version'>
            <value>XP</value>
          </field>
        </x>
    </query>";

fn read(xml: &str, lang: Option<&str>) -> Info {
    Info::read(&xml.parse().unwrap(), lang, 1000).unwrap()
}

fn caps(value: &str) -> Hash {
    Hash { method: Method::Caps, algorithm: Algorithm::Sha1, value: value.into() }
}

fn ecaps2(algorithm: &str, value: &str) -> Hash {
    Hash { method: Method::Ecaps2, algorithm: Algorithm::from_name(algorithm).unwrap(), value: value.into() }
}

fn query(inner: &str) -> String {
    format!("<query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query>")
}

fn form(kind: &str) -> String {
    format!("<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>{kind}</value></field></x>")
}

#[test]
fn the_examples_of_xep_0115_have_their_hashes() {
    for (xml, value, expected) in [
        (EXODUS, "QgayPKawpkPSDYmwT/WM94uAlu0=", true),
        (PSI, "q07IKJEyjvHSyhy//CH0CxmKi8w=", true),
        (EXODUS, "q07IKJEyjvHSyhy//CH0CxmKi8w=", false),
    ] {
        assert_eq!(read(xml, None).matches(&caps(value)), Ok(expected));
    }
}

#[test]
fn the_string_is_that_of_xep_0115() {
    let string = "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<\
        http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<";
    assert_eq!(read(EXODUS, None).verification_string(None).unwrap(), string);
    let string = "client/pc/el/Ψ 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<\
        http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<\
        urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<software<Psi<\
        software_version<0.11<";
    assert_eq!(read(PSI, None).verification_string(None).unwrap(), string);
}

#[test]
fn further_functions_of_xep_0115_hash_the_same_string() {
    let info = read(EXODUS, None);
    let string = info.verification_string(None).unwrap();
    for name in Algorithm::NAMES {
        let hash = Hash::of(Method::Caps, Algorithm::from_name(name).unwrap(), string.as_bytes());
        assert_eq!(info.matches(&hash), Ok(true), "{name}");
    }
}

#[test]
fn the_examples_of_xep_0390_have_their_hashes() {
    for (xml, algorithm, value) in [
        (BOMBUS, "sha-256", "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8="),
        (BOMBUS, "sha3-256", "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="),
        (TKABBER, "sha-256", "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY="),
        (TKABBER, "sha3-256", "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg="),
    ] {
        let info = read(xml, None);
        assert_eq!(info.matches(&ecaps2(algorithm, value)), Ok(true), "{algorithm} {xml}");
        assert_eq!(info.matches(&caps(value)), Ok(false), "each XEP has its own input");
    }
}

#[test]
fn the_input_is_that_of_xep_0390() {
    let input = read(TKABBER, None).hash_function_input(None).unwrap();
    let identities = "\u{1c}client\u{1f}pc\u{1f}en\u{1f}Tkabber\u{1f}\u{1e}client\u{1f}pc\u{1f}ru\u{1f}Ткаббер\u{1f}\u{1e}\u{1c}";
    let form = "FORM_TYPE\u{1f}urn:xmpp:dataforms:softwareinfo\u{1f}\u{1e}os\u{1f}Windows\u{1f}\u{1e}\
        os_version\u{1f}XP\u{1f}\u{1e}software\u{1f}Tkabber\u{1f}\u{1e}\
        software_version\u{1f}0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)\u{1f}\u{1e}\u{1d}\u{1c}";
    assert!(input.starts_with("games:board\u{1f}http://jabber.org/protocol/activity\u{1f}"), "{input:?}");
    assert!(input.ends_with(&format!("{identities}{form}")), "{input:?}");
}

#[test]
fn a_stamped_language_does_not_spoil_an_honest_hash() {
    let stamped = read(EXODUS, Some("en"));
    assert_eq!(stamped.matches(&caps("QgayPKawpkPSDYmwT/WM94uAlu0=")), Ok(true));
    let string = stamped.verification_string(Some("en")).unwrap();
    assert!(string.starts_with("client/pc/en/Exodus"), "{string}");
    let inherited = Hash::of(Method::Caps, Algorithm::Sha1, string.as_bytes());
    assert_eq!(stamped.matches(&inherited), Ok(true));

    let stamped = read(BOMBUS, Some("en"));
    assert_eq!(stamped.matches(&ecaps2("sha-256", "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=")), Ok(true));
    let own = BOMBUS.replace("<identity", "<identity xml:lang='en'");
    let input = read(&own, None).hash_function_input(None).unwrap();
    let inherited = Hash::of(Method::Ecaps2, Algorithm::Sha3_256, input.as_bytes());
    assert_eq!(stamped.matches(&inherited), Ok(true), "what is inherited counts as if it were there");
    let of_query = BOMBUS.replace("<query", "<query xml:lang='en'");
    assert_eq!(
        read(&of_query, Some("de")).matches(&inherited),
        Ok(true),
        "the closest language is inherited"
    );
}

#[test]
fn what_xep_0115_calls_ill_formed_has_no_hash() {
    for (inner, error) in [
        ("<identity category='client' type='pc'/>".repeat(2), IllFormed::Identity),
        ("<feature var='a'/>".repeat(2), IllFormed::Feature),
        (form("a").repeat(2), IllFormed::FormType),
        (form("a</value><value>b"), IllFormed::FormType),
        (form("a</value></field><field var='FORM_TYPE'><value>a"), IllFormed::FormType),
        ("<feature var='urn:x&lt;urn:y+notify'/>".to_owned(), IllFormed::Ambiguous),
        ("<identity category='client&lt;urn:y+notify' type='pc'/>".to_owned(), IllFormed::Ambiguous),
        ("<identity category='client' type='pc' name='urn:y+notify'/>".to_owned(), IllFormed::Ambiguous),
        (form("a</value></field><field var='urn:y+notify'><value>b"), IllFormed::Ambiguous),
    ] {
        assert_eq!(read(&query(&inner), None).matches(&caps("x")), Err(error), "{inner}");
    }
    let same_twice = read(&query(&form("a</value><value>a")), None);
    assert_eq!(same_twice.matches(&caps("x")), Ok(false), "the same type twice is no other type");
    let many = query(&"<feature var='a'/>".repeat(101));
    assert_eq!(Info::read(&many.parse().unwrap(), None, 100).err(), Some(IllFormed::TooLarge));
}

#[test]
fn what_xep_0390_does_not_cover_has_no_hash() {
    let field = "<x xmlns='jabber:x:data'><field var='os'><value>Mac</value></field></x>";
    let table = form("a").replace("</x>", "<reported/></x>");
    for (inner, error) in [
        ("<more xmlns='urn:x'/>", IllFormed::Uncovered),
        (&*table, IllFormed::Uncovered),
        (&*table.replace("reported", "item"), IllFormed::Uncovered),
        (field, IllFormed::FormType),
        (&*form("a").replace(" type='hidden'", ""), IllFormed::FormType),
    ] {
        assert_eq!(read(&query(inner), None).matches(&ecaps2("sha-256", "x")), Err(error), "{inner}");
    }
    let mut query: Element = query("<feature/>").parse().unwrap();
    query
        .children_mut()
        .for_each(|feature| feature.set_attr(Namespace::NONE, "var".try_into().unwrap(), "a\u{1f}b"));
    let info = Info::read(&query, None, 10).unwrap();
    assert_eq!(
        info.matches(&ecaps2("sha-256", "x")),
        Err(IllFormed::Ambiguous),
        "no XML has that, a server may"
    );
}

#[test]
fn a_form_without_a_hidden_type_does_not_count_for_xep_0115() {
    for form in [
        "<x xmlns='jabber:x:data'><field var='os'><value>Mac</value></field></x>",
        "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>urn:x</value></field></x>",
        "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'/></x>",
        "<more xmlns='urn:x'/>",
    ] {
        let query = EXODUS.replace("</query>", &format!("{form}</query>"));
        assert_eq!(read(&query, None).matches(&caps("QgayPKawpkPSDYmwT/WM94uAlu0=")), Ok(true));
    }
}

#[test]
fn interests_are_the_features_that_end_in_notify() {
    let features = ["urn:b+notify", "urn:c", "urn:a+notify", "+notify"];
    let inner: String = features.map(|var| format!("<feature var='{var}'/>")).concat();
    let nodes: Vec<_> = read(&query(&inner), None).interests().iter().map(ToString::to_string).collect();
    assert_eq!(nodes, ["urn:a", "urn:b"]);
}

#[test]
fn interests_of_absurd_size_are_cut() {
    let feature = |n: usize| format!("<feature var='{n:0>1000}+notify'/>");
    let inner: String = (0..100).map(feature).collect();
    assert_eq!(read(&query(&inner), None).interests().iter().count(), MAX_OCTETS / 1000);
    let long = query(&format!("<feature var='{}+notify'/>", "x".repeat(MAX_NODE + 1)));
    assert!(read(&long, None).interests().is_empty());
}

/// An answer's meaning, without order or repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Meaning {
    identities: BTreeSet<[String; 4]>,
    features: BTreeSet<String>,
    forms: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Meaning {
    /// The answer, in an order derived from `seed`.
    fn answer(&self, seed: u64) -> Element {
        let mut parts = Vec::new();
        for [category, kind, lang, name] in &self.identities {
            let mut identity = Element::bare("identity", ns::DISCO_INFO);
            for (attribute, value) in [("category", category), ("type", kind), ("name", name)] {
                identity.set_attr(Namespace::NONE, attribute.try_into().unwrap(), value.as_str());
            }
            if !lang.is_empty() {
                identity.set_attr(Namespace::XML, "lang".try_into().unwrap(), lang.as_str());
            }
            parts.push(identity);
        }
        for var in &self.features {
            let mut feature = Element::bare("feature", ns::DISCO_INFO);
            feature.set_attr(Namespace::NONE, "var".try_into().unwrap(), var.as_str());
            parts.push(feature);
        }
        for (kind, fields) in &self.forms {
            let mut rows = vec![field("FORM_TYPE", &BTreeSet::from([kind.clone()]), seed)];
            rows.extend(fields.iter().map(|(var, values)| field(var, values, seed)));
            let mut form = Element::bare("x", ns::DATA);
            for row in shuffled(rows, seed) {
                form.append_child(row);
            }
            parts.push(form);
        }
        let mut query = Element::bare("query", ns::DISCO_INFO);
        for part in shuffled(parts, seed) {
            query.append_child(part);
        }
        query
    }

    fn info(&self, seed: u64) -> Info {
        Info::read(&self.answer(seed), None, 100).unwrap()
    }
}

fn field(var: &str, values: &BTreeSet<String>, seed: u64) -> Element {
    let mut field = Element::bare("field", ns::DATA);
    field.set_attr(Namespace::NONE, "var".try_into().unwrap(), var);
    if var == "FORM_TYPE" {
        field.set_attr(Namespace::NONE, "type".try_into().unwrap(), "hidden");
    }
    for text in shuffled(values.iter().collect(), seed) {
        let mut value = Element::bare("value", ns::DATA);
        value.append_text_node(text.as_str());
        field.append_child(value);
    }
    field
}

/// The parts in an order derived from `seed`.
fn shuffled<T>(mut parts: Vec<T>, mut seed: u64) -> Vec<T> {
    for at in (1..parts.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        parts.swap(at, usize::try_from(seed >> 33).unwrap() % (at + 1));
    }
    parts
}

/// Short texts of ambiguous parts: separators, suffixes, empty parts.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["", "a", "b", "/", "<", "+notify", "FORM_TYPE", "client", "ä"]);
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn meaning() -> impl Strategy<Value = Meaning> {
    let identity = [text(), text(), text(), text()];
    let fields = prop::collection::btree_map(text(), prop::collection::btree_set(text(), 0..3), 0..3);
    let fields = fields.prop_map(|mut fields| {
        fields.remove(FORM_TYPE);
        fields
    });
    (
        prop::collection::btree_set(identity, 0..3),
        prop::collection::btree_set(text(), 0..4),
        prop::collection::btree_map(text(), fields, 0..3),
    )
        .prop_map(|(identities, features, forms)| Meaning { identities, features, forms })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_permutation_of_an_answer_has_the_same_hash(meaning in meaning(), a: u64, b: u64) {
        let (a, b) = (meaning.info(a), meaning.info(b));
        prop_assert_eq!(a.verification_string(None), b.verification_string(None));
        prop_assert_eq!(a.hash_function_input(None), b.hash_function_input(None));
        prop_assert_eq!(a.interests(), b.interests());
    }

    #[test]
    fn any_change_of_meaning_has_another_hash(a in meaning(), b in meaning()) {
        prop_assume!(a != b);
        let (a, b) = (a.info(0), b.info(0));
        prop_assert_ne!(a.hash_function_input(None).unwrap(), b.hash_function_input(None).unwrap());
        // XEP-0115 can't tell all parts from each other, but no other interests get through.
        if a.interests() != b.interests() {
            if let (Ok(a), Ok(b)) = (a.verification_string(None), b.verification_string(None)) {
                prop_assert_ne!(a, b);
            }
        }
    }

    /// An attacker who knows the string of an answer and cuts it into other parts.
    #[test]
    fn no_other_reading_of_a_string_has_other_interests(meaning in meaning(), kinds in prop::collection::vec(0u8..3, 0..12)) {
        let Ok(string) = meaning.info(0).verification_string(None) else { return Ok(()) };
        let mut parts: Vec<_> = string.split('<').collect();
        parts.pop();
        let kinds = kinds.into_iter().chain(std::iter::repeat(1));
        let mut forged = Meaning { identities: BTreeSet::new(), features: BTreeSet::new(), forms: BTreeMap::new() };
        for (part, kind) in parts.into_iter().zip(kinds) {
            let slashes: Vec<_> = part.splitn(4, '/').map(str::to_owned).collect();
            match (kind, <[String; 4]>::try_from(slashes)) {
                (0, Ok(identity)) => drop(forged.identities.insert(identity)),
                (2, _) => drop(forged.forms.insert(part.to_owned(), BTreeMap::new())),
                _ => drop(forged.features.insert(part.to_owned())),
            }
        }
        let forged = forged.info(0);
        if forged.verification_string(None).as_ref() == Ok(&string) {
            prop_assert_eq!(forged.interests(), meaning.info(0).interests());
        }
    }
}

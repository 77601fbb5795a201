//! What a presence claims about its client's capabilities.

use minidom::Element;

use super::hash::{Algorithm, Hash, Method};
use crate::xml::ns;

/// What a presence says about its client: the `<c/>` of XEP-0390, of XEP-0115, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The hashes that can be verified, the preferred one first. Those of XEP-0390 come first.
    hashes: Box<[Hash]>,
    /// The node of the question.
    node: Box<str>,
}

impl Claim {
    /// Returns the name of the client, as far as the claim tells: a URI in XEP-0115.
    pub fn client(&self) -> &str {
        self.node.split('#').next().unwrap_or_default()
    }

    /// Reads the children of a presence. Returns `None` if they claim nothing, or too little to ask about.
    ///
    /// Of a set of hashes (XEP-0390), those with a known function count; if there are none, XEP-0115 counts. With an
    /// unknown function, or without `hash` (XEP-0115 before version 1.4), nothing can be verified: such a claim counts
    /// for one session only (XEP-0115, 5.4).
    pub fn read<'a>(presence: impl IntoIterator<Item = &'a Element>) -> Option<Self> {
        let (mut caps, mut ecaps2) = (None, None);
        for child in presence {
            if child.is("c", ns::CAPS) {
                caps = caps.or(Some(child));
            } else if child.is("c", ns::ECAPS2) {
                ecaps2 = ecaps2.or(Some(child));
            }
        }
        let caps = caps.and_then(Caps::read);
        let set: Vec<_> =
            ecaps2.iter().flat_map(|c| c.children()).filter_map(hash_of).take(MAX_HASHES).collect();
        let known = Algorithm::ECAPS2.into_iter().filter_map(|algorithm| {
            let (_, value) = set.iter().find(|(name, _)| name == algorithm.as_str())?;
            Some(Hash { method: Method::Ecaps2, algorithm, value: value.as_str().into() })
        });
        let mut hashes: Vec<_> = known.collect();
        let node = match (hashes.first(), &caps, set.first()) {
            (Some(hash), ..) => node_of(hash.algorithm.as_str(), &hash.value),
            (None, Some(caps), _) => caps.node.clone(),
            (None, None, Some((name, value))) => node_of(name, value),
            (None, None, None) => return None,
        };
        hashes.extend(caps.and_then(|caps| caps.hash));
        Some(Self { hashes: hashes.into(), node: node.into() })
    }

    /// Returns the claim of a session whose presence has no capabilities: it is asked what it wants without a node, and
    /// its answer counts for itself.
    pub fn none() -> Self {
        Self { hashes: Box::default(), node: Box::default() }
    }

    /// Returns whether it is the claim of a session without capabilities.
    pub(super) fn is_none(&self) -> bool {
        self.node.is_empty()
    }

    /// Returns the node of the question.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Returns the hash that an answer must have, if the claim has one that can be verified.
    pub(super) fn hash(&self) -> Option<&Hash> {
        self.hashes.first()
    }

    /// Returns all hashes under which an answer may be filed if it has them.
    pub(super) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Returns the hashes by which a set may be looked up. If the client supports XEP-0390, sets that are filed under a
    /// hash of XEP-0115 must not be used (XEP-0390, 6.2).
    pub(super) fn trusted(&self) -> impl Iterator<Item = &Hash> {
        let method = self.hash().map(|hash| hash.method);
        self.hashes.iter().filter(move |hash| Some(hash.method) == method)
    }
}

/// The maximum size of a claim, in octets; a real one has a hundred.
const MAX_CLAIM: usize = 1024;

/// The maximum number of hashes of a set; more are ignored.
const MAX_HASHES: usize = 8;

/// The `<c/>` of XEP-0115.
struct Caps {
    node: String,
    hash: Option<Hash>,
}

impl Caps {
    fn read(c: &Element) -> Option<Self> {
        let (node, ver) = (c.attr("node")?, c.attr("ver")?);
        let fits = !node.is_empty() && !ver.is_empty() && node.len() + ver.len() <= MAX_CLAIM;
        let algorithm = c.attr("hash").and_then(Algorithm::from_name);
        let hash = algorithm.map(|algorithm| Hash { method: Method::Caps, algorithm, value: ver.into() });
        fits.then(|| Self { node: format!("{node}#{ver}"), hash })
    }
}

/// Returns the function's name and the value of a `<hash/>` (XEP-0300).
fn hash_of(hash: &Element) -> Option<(String, String)> {
    let (name, value) = (hash.attr("algo")?, hash.text());
    let value = value.trim();
    let fits = !name.is_empty() && !value.is_empty() && name.len() + value.len() <= MAX_CLAIM / MAX_HASHES;
    (hash.is("hash", ns::HASHES) && fits).then(|| (name.to_owned(), value.to_owned()))
}

/// Returns the Capability Hash Node (XEP-0390, 4.3).
fn node_of(algorithm: &str, value: &str) -> String {
    format!("{}#{algorithm}.{value}", ns::ECAPS2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(inner: &str) -> Option<Claim> {
        let presence: Element =
            format!("<presence xmlns='jabber:client'>{inner}</presence>").parse().unwrap();
        Claim::read(presence.children())
    }

    fn names(claim: &Claim) -> Vec<(&'static str, &'static str)> {
        claim.hashes.iter().map(|hash| (hash.method.as_str(), hash.algorithm.as_str())).collect()
    }

    const CAPS: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='v'/>";

    fn set(hashes: &[(&str, &str)]) -> String {
        let hash = |(algo, value): &(&str, &str)| {
            format!("<hash xmlns='urn:xmpp:hashes:2' algo='{algo}'>{value}</hash>")
        };
        format!("<c xmlns='urn:xmpp:caps'>{}</c>", hashes.iter().map(hash).collect::<String>())
    }

    #[test]
    fn xep_0390_is_preferred_and_asked_by_its_node() {
        let both = claim(&format!("{CAPS}{}", set(&[("sha3-256", "c"), ("sha-256", " a\n"), ("md5", "x")])))
            .unwrap();
        assert_eq!(both.node(), "urn:xmpp:caps#sha-256.a");
        assert_eq!(names(&both), [("ecaps2", "sha-256"), ("ecaps2", "sha3-256"), ("caps", "sha-1")]);
        assert_eq!(both.trusted().count(), 2, "nothing is taken from what XEP-0115 has filed");
    }

    #[test]
    fn a_set_of_unknown_functions_leaves_xep_0115() {
        let both = claim(&format!("{}{CAPS}", set(&[("blake9", "x"), ("sha-1", "y")]))).unwrap();
        assert_eq!((both.node(), names(&both)), ("urn:x#v", vec![("caps", "sha-1")]));
        let alone = claim(&set(&[("blake9", "x")])).unwrap();
        assert_eq!((alone.node(), alone.hash()), ("urn:xmpp:caps#blake9.x", None));
    }

    #[test]
    fn what_can_not_be_verified_has_no_hash() {
        for c in [
            "<c xmlns='http://jabber.org/protocol/caps' node='urn:x' ver='v' ext='e'/>",
            "<c xmlns='http://jabber.org/protocol/caps' node='urn:x' ver='v' hash='md5'/>",
        ] {
            let claim = claim(c).unwrap();
            assert_eq!((claim.node(), claim.hash()), ("urn:x#v", None));
        }
    }

    #[test]
    fn what_says_too_little_or_too_much_is_no_claim() {
        let long = "x".repeat(MAX_CLAIM);
        for c in [
            String::new(),
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x'/>".to_owned(),
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='' ver='v'/>".to_owned(),
            format!("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='{long}'/>"),
            set(&[]),
            set(&[("sha-256", " ")]),
            set(&[("sha-256", &long)]),
            set(&[(&long, "x")]),
        ] {
            assert_eq!(claim(&c), None, "{c}");
        }
        let many: Vec<_> = (0..MAX_HASHES).map(|_| ("blake9", "x")).chain([("sha-256", "y")]).collect();
        assert_eq!(claim(&set(&many)).unwrap().hash(), None, "so many are looked at, and no more");
    }
}

//! Clients: their capabilities, what their presences claim, and what they answer.

#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mep_core::caps;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use sha3::Sha3_256;

use crate::support::element;

/// The nodes of the test. The last one is for subscribers only if an occupant has it.
pub const NODES: [&str; 8] =
    ["urn:n:a", "urn:n:b", "urn:n:c", "urn:n:d", "urn:n:e", "urn:n:f", "urn:n:g", "urn:n:quiet"];
pub const QUIET: &str = NODES[7];

/// The host's limit of features; a huge answer has more.
pub const MAX_FEATURES: usize = 40;

pub type Wanted = BTreeSet<&'static str>;

/// `SplitMix64`: the same numbers for the same seed, on every machine and in every version of every library.
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.draw() % n.max(1) as u64).unwrap()
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<T: Clone>(&mut self, among: &[T]) -> Option<T> {
        (!among.is_empty()).then(|| among[self.below(among.len())].clone())
    }
}

/// A client's software: its name and the nodes that it wants events of.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    pub name: String,
    pub wants: Wanted,
}

impl Product {
    pub fn new(name: String, wants: Wanted) -> Rc<Self> {
        Rc::new(Self { name, wants })
    }

    fn features(&self) -> Vec<String> {
        let mut features: Vec<_> = self.wants.iter().map(|node| format!("{node}+notify")).collect();
        features.push("http://jabber.org/protocol/disco#info".to_owned());
        features.sort();
        features
    }

    /// XEP-0115, 5.1, without forms.
    fn verification_string(&self) -> String {
        format!("client/pc//{}<{}<", self.name, self.features().join("<"))
    }

    /// XEP-0390, 4.1, without forms.
    fn hash_function_input(&self) -> String {
        let features = self.features().join("\u{1f}") + "\u{1f}";
        format!("{features}\u{1c}client\u{1f}pc\u{1f}\u{1f}{}\u{1f}\u{1e}\u{1c}\u{1c}", self.name)
    }

    /// Its hash; `way` is `caps` or `ecaps2`.
    pub fn hash(&self, way: &'static str, algorithm: &'static str) -> Hash {
        let input = if way == "caps" { self.verification_string() } else { self.hash_function_input() };
        let value = match algorithm {
            "sha-1" => BASE64_STANDARD.encode(Sha1::digest(input)),
            "sha-256" => BASE64_STANDARD.encode(Sha256::digest(input)),
            _ => BASE64_STANDARD.encode(Sha3_256::digest(input)),
        };
        Hash { way, algorithm, value }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash {
    pub way: &'static str,
    pub algorithm: &'static str,
    pub value: String,
}

impl Hash {
    fn wrong(way: &'static str, algorithm: &'static str, random: &mut Random) -> Self {
        Self { way, algorithm, value: BASE64_STANDARD.encode(random.draw().to_be_bytes()) }
    }
}

/// What a presence claims.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// The hashes that can be verified, the preferred one first.
    pub hashes: Vec<Hash>,
    pub node: String,
    /// The same, as the host reads it.
    pub read: caps::Claim,
}

impl Claim {
    /// The hashes by which it may be looked up: those of the preferred one's method.
    pub fn trusted(&self) -> impl Iterator<Item = &Hash> {
        self.hashes.iter().filter(|hash| hash.way == self.hashes[0].way)
    }
}

/// How a client makes its claim.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    Sha1,
    CapsSha256,
    Sha256,
    Sha3,
    Sha256AndSha3,
    BothXeps,
    All,
    /// XEP-0115 before 1.4.
    Legacy,
    UnknownCaps,
    UnknownEcaps2,
    /// One hash of two is wrong.
    HalfWrong,
    /// No answer has the hash.
    Invented,
}

pub const HONEST: [Style; 10] = [
    Style::Sha1,
    Style::Sha256AndSha3,
    Style::BothXeps,
    Style::Sha3,
    Style::Sha1,
    Style::CapsSha256,
    Style::All,
    Style::Legacy,
    Style::Sha256,
    Style::UnknownCaps,
];

pub fn claim(product: &Product, style: Style, random: &mut Random) -> Rc<Claim> {
    let caps = |algorithm| product.hash("caps", algorithm);
    let ecaps2 = |algorithm| product.hash("ecaps2", algorithm);
    let hashes = match style {
        Style::Sha1 => vec![caps("sha-1")],
        Style::CapsSha256 => vec![caps("sha-256")],
        Style::Sha256 => vec![ecaps2("sha-256")],
        Style::Sha3 => vec![ecaps2("sha3-256")],
        Style::Sha256AndSha3 => vec![ecaps2("sha-256"), ecaps2("sha3-256")],
        Style::BothXeps => vec![ecaps2("sha-256"), caps("sha-1")],
        Style::All => vec![ecaps2("sha-256"), ecaps2("sha3-256"), caps("sha-1")],
        Style::Legacy | Style::UnknownCaps | Style::UnknownEcaps2 => vec![],
        Style::HalfWrong => vec![Hash::wrong("ecaps2", "sha-256", random), ecaps2("sha3-256")],
        Style::Invented => vec![Hash::wrong("caps", "sha-1", random)],
    };
    let name = &product.name;
    let (node, xml) = match style {
        Style::Legacy => (format!("urn:{name}#1.0"), caps_xml(&format!("urn:{name}"), "1.0", "")),
        Style::UnknownCaps => (format!("urn:{name}#x"), caps_xml(&format!("urn:{name}"), "x", "hash='md5'")),
        Style::UnknownEcaps2 => (
            format!("urn:xmpp:caps#blake9.{name}"),
            format!("<c xmlns='urn:xmpp:caps'>{}</c>", hash_xml("blake9", name)),
        ),
        _ => {
            let set: String = hashes.iter().filter(|hash| hash.way == "ecaps2").map(hash_of).collect();
            let set = if set.is_empty() { set } else { format!("<c xmlns='urn:xmpp:caps'>{set}</c>") };
            // Some clients have a different node for each release, with the same hash.
            let urn = format!("urn:{name}{}", random.below(2));
            let caps = hashes.iter().find(|hash| hash.way == "caps");
            let caps = caps.map(|hash| caps_xml(&urn, &hash.value, &format!("hash='{}'", hash.algorithm)));
            let Hash { way, algorithm, value } = &hashes[0];
            let node = match *way {
                "caps" => format!("{urn}#{value}"),
                _ => format!("urn:xmpp:caps#{algorithm}.{value}"),
            };
            (node, set + &caps.unwrap_or_default())
        }
    };
    let presence = element(&format!("<presence>{xml}</presence>"));
    let read = caps::Claim::read(presence.children()).unwrap();
    Rc::new(Claim { hashes, node, read })
}

fn hash_of(hash: &Hash) -> String {
    hash_xml(hash.algorithm, &hash.value)
}

fn hash_xml(algorithm: &str, value: &str) -> String {
    format!("<hash xmlns='urn:xmpp:hashes:2' algo='{algorithm}'>{value}</hash>")
}

fn caps_xml(node: &str, ver: &str, hash: &str) -> String {
    format!("<c xmlns='http://jabber.org/protocol/caps' node='{node}' ver='{ver}' {hash}/>")
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Info(Rc<Product>),
    /// A feature occurs twice: XEP-0115 refuses that.
    Doubled(Rc<Product>),
    /// More features than the limit.
    Huge,
    Error,
}

impl Answer {
    pub fn has(&self, hash: &Hash) -> bool {
        matches!(self, Self::Info(product) if product.hash(hash.way, hash.algorithm) == *hash)
    }

    /// The stanza's children.
    pub fn xml(&self) -> String {
        let (features, name) = match self {
            Self::Error => return "<error type='cancel'/>".to_owned(),
            Self::Huge => ((0..=MAX_FEATURES).map(|n| format!("urn:{n}+notify")).collect(), ""),
            Self::Info(product) => (product.features(), &*product.name),
            Self::Doubled(product) => {
                let features = product.features();
                (features.iter().chain(&features).cloned().collect(), &*product.name)
            }
        };
        let features: Vec<String> = features;
        let features: Vec<_> = features.iter().map(|feature| format!("<feature var='{feature}'/>")).collect();
        let features = features.concat();
        format!(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' type='pc' name='{name}'/>{features}</query>"
        )
    }
}

/// How a client behaves when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    Honest,
    /// Answers with another client's capabilities.
    Lying(Rc<Product>),
    Doubling,
    Boasting,
    Silent,
    Refusing,
    /// Honest, but answers twice.
    Stuttering,
    /// Honest, but later than the timeout.
    Slow,
}

/// A client at its full JID, in any number of rooms.
#[derive(Debug, Clone)]
pub struct Client {
    pub product: Rc<Product>,
    pub claim: Rc<Claim>,
    pub manner: Manner,
}

impl Client {
    /// Its current answers; the second one is sent as well.
    pub fn answers(&self) -> Vec<Answer> {
        let honest = Answer::Info(Rc::clone(&self.product));
        match &self.manner {
            Manner::Honest | Manner::Slow => vec![honest],
            Manner::Stuttering => vec![honest.clone(), honest],
            Manner::Lying(other) => vec![Answer::Info(Rc::clone(other))],
            Manner::Doubling => vec![Answer::Doubled(Rc::clone(&self.product))],
            Manner::Boasting => vec![Answer::Huge],
            Manner::Refusing => vec![Answer::Error],
            Manner::Silent => vec![],
        }
    }

    /// Whether it eventually answers with its true capabilities.
    pub fn is_honest(&self) -> bool {
        matches!(self.manner, Manner::Honest | Manner::Stuttering | Manner::Slow)
    }
}

/// Thirty kinds: each product with three of the styles.
pub fn kinds(random: &mut Random) -> Vec<(Rc<Product>, Rc<Claim>)> {
    let products: Vec<_> = (0..10)
        .map(|at| {
            let wants = NODES.iter().enumerate().filter(|(bit, _)| (at * 37 + 11) >> bit & 1 == 1);
            Product::new(format!("p{at}"), wants.map(|(_, node)| *node).collect())
        })
        .collect();
    let mut kinds = Vec::new();
    for (at, product) in products.iter().enumerate() {
        for turn in 0..3 {
            let style = HONEST[(at + turn * 3 + at / 3) % HONEST.len()];
            kinds.push((Rc::clone(product), claim(product, style, random)));
        }
    }
    kinds
}

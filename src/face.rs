//! A room's face: its vCard (XEP-0054), and the nodes that say the same: the avatar (XEP-0084) and the vCard4 (XEP-0292).
//!
//! Each can be set without the other, so each conversion takes both, changes what differs, and keeps the rest.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minidom::Element;
use sha1::{Digest, Sha1};

use crate::xml::{self, With, ns};

/// What a vCard says that the nodes don't.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceChange {
    /// The card to publish, if it says something else.
    pub card: Option<Element>,
    /// What has become of the avatar.
    pub avatar: AvatarChange,
}

/// What has become of an avatar.
#[derive(Debug, Clone, PartialEq)]
pub enum AvatarChange {
    /// It is the same.
    Same,
    /// There is none any more: this metadata says so.
    Removed(Element),
    /// It is another.
    New {
        /// The id of both items: the hash of the picture.
        id: String,
        /// The item to publish second.
        metadata: Element,
        /// The item to publish first.
        data: Element,
    },
}

/// Returns whether a node of a room says what its vCard says, too.
pub fn is_node(name: &str) -> bool {
    [ns::AVATAR_DATA, ns::AVATAR_METADATA, ns::VCARD4_NODE].contains(&name)
}

/// Returns what a vCard says that the room's nodes don't, whose last items have these payloads.
pub fn from_vcard(vcard: &Element, card: Option<&Element>, metadata: Option<&Element>) -> FaceChange {
    let empty = xml::bare("vcard", ns::VCARD4);
    let old = card.unwrap_or(&empty);
    let mut new = old.clone();
    for (name, name4, kind) in FIELDS {
        let text = text_of(vcard.get_child(name, ns::VCARD));
        if text != text_of(old.get_child(name4, ns::VCARD4).and_then(|it| it.get_child(kind, ns::VCARD4))) {
            let value = |text: String| {
                Element::builder(name4, ns::VCARD4).append(xml::text(kind, ns::VCARD4, &text)).build()
            };
            replace(&mut new, name4, ns::VCARD4, text.map(value));
        }
    }
    let current = metadata.and_then(id_of);
    let photo = vcard.get_child("PHOTO", ns::VCARD).and_then(Picture::of_photo);
    let avatar = match photo {
        Some(photo) if Some(&*photo.id) == current => AvatarChange::Same,
        Some(photo) => AvatarChange::New {
            metadata: photo.metadata(),
            data: xml::text("data", ns::AVATAR_DATA, &photo.encoded),
            id: photo.id,
        },
        None if current.is_some() => AvatarChange::Removed(xml::bare("metadata", ns::AVATAR_METADATA)),
        None => AvatarChange::Same,
    };
    FaceChange { card: (new != *old).then_some(new), avatar }
}

/// Returns the vCard that says what the room's nodes say, if the old one does not. Without a card, or without metadata,
/// what the vCard says stays.
pub fn to_vcard(
    vcard: Option<&Element>,
    card: Option<&Element>,
    metadata: Option<&Element>,
    data: Option<&Element>,
) -> Option<Element> {
    let empty = xml::bare("vCard", ns::VCARD);
    let old = vcard.unwrap_or(&empty);
    let mut new = old.clone();
    for (name, name4, kind) in card.iter().flat_map(|_| FIELDS) {
        let field = card.and_then(|card| card.get_child(name4, ns::VCARD4));
        let text = text_of(field.and_then(|field| field.get_child(kind, ns::VCARD4)));
        if text != text_of(old.get_child(name, ns::VCARD)) {
            replace(&mut new, name, ns::VCARD, text.map(|text| xml::text(name, ns::VCARD, &text)));
        }
    }
    if let Some(metadata) = metadata {
        let photo = old.get_child("PHOTO", ns::VCARD).and_then(Picture::of_photo);
        match id_of(metadata) {
            None => replace(&mut new, "PHOTO", ns::VCARD, None),
            Some(id) if photo.is_some_and(|photo| photo.id == id) => {}
            Some(id) => {
                // The data may come after the metadata, and whatever is not what the metadata says is no one's picture.
                let picture = data.and_then(|data| Picture::read(&data.text(), info(metadata)?.attr("type")));
                if let Some(picture) = picture.filter(|picture| picture.id == id) {
                    replace(&mut new, "PHOTO", ns::VCARD, Some(picture.photo()));
                }
            }
        }
    }
    (new != *old).then_some(new)
}

/// The fields that both kinds of card have: the names, and the type of the second's value.
const FIELDS: [(&str, &str, &str); 7] = [
    ("FN", "fn", "text"),
    ("NICKNAME", "nickname", "text"),
    ("DESC", "note", "text"),
    ("URL", "url", "uri"),
    ("TITLE", "title", "text"),
    ("ROLE", "role", "text"),
    ("BDAY", "bday", "date"),
];

/// A picture, in base64.
struct Picture {
    id: String,
    bytes: usize,
    media_type: Option<String>,
    encoded: String,
}

impl Picture {
    fn of_photo(photo: &Element) -> Option<Self> {
        let media_type = text_of(photo.get_child("TYPE", ns::VCARD));
        Self::read(&photo.get_child("BINVAL", ns::VCARD)?.text(), media_type.as_deref())
    }

    fn read(encoded: &str, media_type: Option<&str>) -> Option<Self> {
        let encoded: String = encoded.split_whitespace().collect();
        let picture = BASE64_STANDARD.decode(&encoded).ok().filter(|picture| !picture.is_empty())?;
        let mut id = String::with_capacity(40);
        for octet in Sha1::digest(&picture) {
            let _ = write!(id, "{octet:02x}");
        }
        Some(Self { id, bytes: picture.len(), media_type: media_type.map(str::to_owned), encoded })
    }

    fn metadata(&self) -> Element {
        let info = Element::builder("info", ns::AVATAR_METADATA)
            .with("id", &self.id)
            .with("bytes", &self.bytes.to_string())
            .with("type", self.media_type.as_deref().unwrap_or("image/png"));
        Element::builder("metadata", ns::AVATAR_METADATA).append(info).build()
    }

    fn photo(&self) -> Element {
        let media_type = self.media_type.as_deref().map(|it| xml::text("TYPE", ns::VCARD, it));
        Element::builder("PHOTO", ns::VCARD)
            .append_all(media_type)
            .append(xml::text("BINVAL", ns::VCARD, &self.encoded))
            .build()
    }
}

fn info(metadata: &Element) -> Option<&Element> {
    metadata.get_child("info", ns::AVATAR_METADATA)
}

fn id_of(metadata: &Element) -> Option<&str> {
    info(metadata)?.attr("id")
}

/// Returns the text of an element, if there is one and it is not empty.
fn text_of(element: Option<&Element>) -> Option<String> {
    element.map(Element::text).filter(|text| !text.trim().is_empty())
}

/// Replaces the children of this name.
fn replace(parent: &mut Element, name: &str, ns: &str, child: Option<Element>) {
    while parent.remove_child(name, ns).is_some() {}
    if let Some(child) = child {
        parent.append_child(child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VCARD: &str = "<vCard xmlns='vcard-temp'><FN>Den</FN><X>kept</X>\
        <PHOTO><TYPE>image/gif</TYPE><BINVAL>aGVs\n bG8=</BINVAL></PHOTO></vCard>";
    /// The hash of "hello".
    const ID: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";

    fn element(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    fn metadata(id: &str) -> Element {
        element(&format!(
            "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='{id}' bytes='5' type='image/gif'/></metadata>"
        ))
    }

    fn data(text: &str) -> Element {
        element(&format!("<data xmlns='urn:xmpp:avatar:data'>{text}</data>"))
    }

    fn card(inner: &str) -> Element {
        element(&format!("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>{inner}</vcard>"))
    }

    #[test]
    fn a_vcard_is_published_and_gives_itself() {
        let FaceChange {
            card: Some(published),
            avatar: AvatarChange::New { id, metadata: info, data: picture },
        } = from_vcard(&element(VCARD), None, None)
        else {
            unreachable!("both are new")
        };
        assert_eq!((&*id, &info, &picture), (ID, &metadata(ID), &data("aGVsbG8=")));
        assert_eq!(published, card("<fn><text>Den</text></fn>"));
        assert_eq!(to_vcard(Some(&element(VCARD)), Some(&published), Some(&info), Some(&picture)), None);
        let same = FaceChange { card: None, avatar: AvatarChange::Same };
        assert_eq!(from_vcard(&element(VCARD), Some(&published), Some(&info)), same);
        let made = to_vcard(None, Some(&published), Some(&info), Some(&picture)).unwrap();
        assert_eq!(from_vcard(&made, Some(&published), Some(&info)), same);
    }

    #[test]
    fn what_only_one_of_them_knows_stays() {
        let old = card("<fn><text>Old</text></fn><lang>fr</lang>");
        let change = from_vcard(&element(VCARD), Some(&old), Some(&metadata(ID)));
        assert_eq!(change.card, Some(card("<lang>fr</lang><fn><text>Den</text></fn>")));
        let new = to_vcard(Some(&element(VCARD)), Some(&old), None, None).unwrap();
        let child = |name| new.get_child(name, "vcard-temp").map(Element::text);
        assert_eq!((child("FN"), child("X")), (Some("Old".to_owned()), Some("kept".to_owned())));
        assert!(new.has_child("PHOTO", "vcard-temp"));
    }

    #[test]
    fn a_picture_that_is_gone_or_is_not_what_the_metadata_says_is_not_shown() {
        let empty = element("<metadata xmlns='urn:xmpp:avatar:metadata'/>");
        let vcard = element(VCARD);
        assert!(!to_vcard(Some(&vcard), None, Some(&empty), None).unwrap().has_child("PHOTO", "vcard-temp"));
        let other = Some(data("b3RoZXI="));
        for data in [None, other.as_ref(), Some(&data("?"))] {
            assert_eq!(to_vcard(Some(&vcard), None, Some(&metadata("other")), data), None);
        }
        for bare in
            ["<vCard xmlns='vcard-temp'/>", "<vCard xmlns='vcard-temp'><PHOTO><BINVAL/></PHOTO></vCard>"]
        {
            let change = from_vcard(&element(bare), None, Some(&metadata(ID)));
            assert_eq!(change, FaceChange { card: None, avatar: AvatarChange::Removed(empty.clone()) });
            assert_eq!(from_vcard(&element(bare), None, Some(&empty)).avatar, AvatarChange::Same);
        }
    }
}

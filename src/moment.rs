//! The time and the randomness of a call. The core has neither of its own.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha1::{Digest, Sha1};

use crate::activity::Tally;

/// The moment of a call and its source of ids.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub now: u64,
    /// Counts what the call did.
    pub(crate) tally: Tally,
    random: [u8; 16],
    drawn: u32,
}

impl Moment {
    /// Returns the moment of a call at `now`, with 16 random octets.
    pub fn new(now: u64, random: [u8; 16]) -> Self {
        Self { now, tally: Tally::default(), random, drawn: 0 }
    }

    /// Returns the next id for a message. [`is_message_id`] recognises it when the message bounces.
    pub fn message_id(&mut self) -> String {
        format!("{PREFIX}{}", self.id())
    }

    /// Returns the next id, of 20 characters. It can't be guessed from the others of the same call.
    pub fn id(&mut self) -> String {
        self.drawn += 1;
        let digest = Sha1::new().chain_update(self.random).chain_update(self.drawn.to_be_bytes()).finalize();
        BASE64_URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or_default())
    }
}

/// Returns the id of a message that follows from what these parts say, which is the same whenever it is sent.
pub(crate) fn message_id_of(parts: &[&str]) -> String {
    let mut digest = Sha1::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(digest.finalize().get(..15).unwrap_or_default()))
}

/// Returns whether this is an id that [`Moment::message_id`] or `message_id_of` can return.
pub fn is_message_id(id: &[u8]) -> bool {
    let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    id.strip_prefix(PREFIX.as_bytes()).is_some_and(|id| id.len() == 20 && id.iter().all(is_base64))
}

/// What the ids of messages begin with.
const PREFIX: &str = "mep-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_follow_from_what_was_handed_in() {
        let draw = |seed| {
            let mut moment = Moment::new(0, [seed; 16]);
            [moment.id(), moment.id()]
        };
        let [a, b] = draw(1);
        assert_ne!(a, b);
        assert_eq!(a.len(), 20);
        assert_eq!(draw(1), [a.clone(), b]);
        assert_ne!(draw(2)[0], a);
    }

    #[test]
    fn ids_of_messages_are_recognised() {
        let id = Moment::new(0, [1; 16]).message_id();
        assert!(is_message_id(id.as_bytes()));
        assert!(is_message_id(message_id_of(&["a", "b"]).as_bytes()));
        assert_ne!(message_id_of(&["a", "b"]), message_id_of(&["ab", ""]));
        assert!(is_message_id(b"mep-Abcdefghijklmnop_-09"));
        for other in [&id[1..], &id[..id.len() - 1], &format!("{id}x"), &id.replace("mep-", "mop-"), ""] {
            assert!(!is_message_id(other.as_bytes()), "{other}");
        }
        for octet in [b'+', b'/', b'=', b'\n', 0xff] {
            let mut other = id.clone().into_bytes();
            other[10] = octet;
            assert!(!is_message_id(&other), "{octet}");
        }
    }
}

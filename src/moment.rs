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

    /// Returns the next id for a message. The glue recognises it when the message bounces.
    pub fn message_id(&mut self) -> String {
        format!("mep-{}", self.id())
    }

    /// Returns the next id, of 20 characters. It can't be guessed from the others of the same call.
    pub fn id(&mut self) -> String {
        self.drawn += 1;
        let digest = Sha1::new().chain_update(self.random).chain_update(self.drawn.to_be_bytes()).finalize();
        BASE64_URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or_default())
    }
}

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
}

//! JIDs as Prosody prepared them, each kind with its own type.
//!
//! Prosody has normalised every `from` and `to` before a stanza arrives here. These types hold those strings
//! unchanged: they are keys, compared octet by octet, and never prepared again or refused.

use crate::id::name;

name! {
    /// A room's bare JID, `room@muc`.
    RoomJid
}

name! {
    /// An occupant JID, `room@muc/nick` (XEP-0045).
    OccupantJid
}

name! {
    /// The full, real JID of one connected client. Events are sent to it; a semi-anonymous room must not reveal it.
    SessionJid
}

impl SessionJid {
    /// Returns the account of the session: everything before the first slash.
    pub fn bare(&self) -> &str {
        bare(&self.0)
    }
}

/// Returns the bare part of a prepared JID.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// Returns whether a JID that a client wrote inside a payload is `own`, which Prosody prepared.
///
/// Equal strings always match. Otherwise the normal form of RFC 7622 is compared; a resource that the `jid` crate
/// refuses (an emoji, say) matches octet by octet only.
pub(crate) fn names(written: &str, own: &str) -> bool {
    written == own || jid::Jid::new(written).is_ok_and(|jid| jid.as_str() == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_ends_at_the_first_slash() {
        assert_eq!(SessionJid::from("a@b/c/d").bare(), "a@b");
        assert_eq!(SessionJid::from("component.host").bare(), "component.host");
    }

    #[test]
    fn a_written_address_is_compared_in_normal_form() {
        assert!(names("Juliet@Capulet.LIT/balcony", "juliet@capulet.lit/balcony"));
        assert!(names("juliet@capulet.lit/\u{1f319}", "juliet@capulet.lit/\u{1f319}"));
        assert!(!names("juliet@capulet.lit/Balcony", "juliet@capulet.lit/balcony"));
        assert!(!names("", "juliet@capulet.lit"));
    }
}

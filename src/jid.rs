//! Addresses as Prosody prepared them, each kind a type of its own.
//!
//! Prosody has normalised every `from` and `to` before a stanza arrives here. These types hold those strings
//! as they are: they are keys, compared octet by octet, and never prepared again or refused.

use crate::id::name;

name! {
    /// A room's bare JID, `room@muc`.
    RoomJid
}

name! {
    /// An occupant's address in a room, `room@muc/nick` (XEP-0045, "occupant JID").
    OccupantJid
}

name! {
    /// The full, real JID of one connected client: what an event is sent to, and what nobody may be shown in a
    /// semi-anonymous room.
    SessionJid
}

impl SessionJid {
    /// The account that the session belongs to: everything before the first slash.
    pub fn bare(&self) -> &str {
        bare(&self.0)
    }
}

/// The bare part of a prepared JID.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// Whether what a client wrote inside a payload names the address `own`, which Prosody prepared.
///
/// The same string always does. Else both are compared in the normal form of RFC 7622; a resource that the `jid`
/// crate refuses (an emoji, say) can then only be named octet by octet.
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

//! What a call asks the server to do. Values, carried out in order by the glue.

use minidom::Element;

use crate::address::SessionJid;

/// One thing to do. A call's effects come in the order in which they must happen: the reply, then the
/// notifications.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Answer the request that the call was made for.
    Reply(Element),
    /// Send this stanza, which is addressed already.
    Send(Element),
    /// Send this message to each of these, in this order; it is the same for all but for its `to`.
    Notify {
        /// The message, without a `to`.
        message: Element,
        /// The recipients, each once.
        to: Vec<SessionJid>,
    },
    /// Call [`crate::host::Host::wake`] after so many milliseconds.
    Wake(u64),
}

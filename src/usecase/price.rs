//! What requests cost the account that sends them, in octets: about what it is sent, and what work of the same length
//! costs the server. A use case takes the price from the account's allowance before it does the work.

use crate::stanza::request::Request;
use crate::xml;

/// An entry of a list, besides its name.
const ENTRY: usize = 128;

/// An entry that is looked at, but not shown.
pub(super) const LOOK: usize = 32;

/// Returns what an entry costs that is shown with this name, a node's or a JID.
pub(super) fn entry(name: &str) -> usize {
    ENTRY + xml::value_size(name)
}

/// Any request: reading it, and answering that it is refused.
const ANY: usize = 1024;

/// A form, or a list of features.
const FORM: usize = 4096;

/// Returns what a request costs by itself. Lists and items cost more: what the reply has.
pub(super) fn of(request: &Request<'_>) -> usize {
    match request {
        Request::SetSubscribers { entries, .. } | Request::SetAffiliates { entries, .. } => {
            ANY + entries.len() * ENTRY
        }
        Request::Info { .. }
        | Request::GetConfig { .. }
        | Request::GetDefault
        | Request::GetOptions { .. }
        | Request::GetDefaultOptions { .. } => ANY + FORM,
        Request::Items { .. }
        | Request::List { .. }
        | Request::Subscriptions { .. }
        | Request::Affiliations { .. }
        | Request::GetSubscribers { .. }
        | Request::GetAffiliates { .. }
        | Request::Subscribe { .. }
        | Request::Unsubscribe { .. }
        | Request::SetOptions { .. }
        | Request::Publish { .. }
        | Request::Retract { .. }
        | Request::Create { .. }
        | Request::SetConfig { .. }
        | Request::Delete { .. }
        | Request::Purge { .. } => ANY,
    }
}

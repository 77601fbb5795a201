//! Stanzas: requests, responses, and notifications.

pub(crate) mod body;
pub mod event;
pub mod rendered;
pub mod request;
pub mod response;

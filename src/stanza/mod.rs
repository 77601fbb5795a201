//! Stanzas: requests, responses, and the messages of notifications.

pub(crate) mod body;
pub mod event;
pub mod message;
pub mod request;
pub mod response;

//! The stanzas: what clients ask, what they are answered, what they are told.

pub mod event;
pub mod message;
pub mod request;
pub mod response;

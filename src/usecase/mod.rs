//! The use cases, by the chapters of XEP-0060.

pub mod entity;

pub(crate) mod context;
mod identity;
mod owner;
mod publisher;
mod subscriber;

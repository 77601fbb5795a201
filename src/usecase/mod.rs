//! The use cases, by the chapters of XEP-0060.

pub mod entity;

pub(crate) mod case;
mod management;
mod naming;
mod owner;
mod publisher;
mod subscriber;

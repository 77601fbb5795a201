//! MEP, the MUC Eventing Protocol (XEP-0316): every chat room and every occupant of one is a pubsub service.
//!
//! This is the part of `mod_mep` that decides. It has no clock, no randomness, no IO and, but for the module `lua`,
//! no Lua: calls come in, effects go out as values, and the glue in `lua/` carries them out in Prosody.
//!
//! Two types to read first: [`host::Host`], where every call comes in, and [`effect::Effect`], what a call asks to
//! be done. From there, the nouns of the protocol:
//!
//! - [`room`], [`occupant`]: who is where, with which clients;
//! - [`service`], [`node`], [`config`], [`access`], [`subscription`]: what pubsub is made of;
//! - [`snapshot`]: what of it outlives the process; [`activity`]: what is counted;
//! - [`interest`], [`caps`]: who wants which events, and how that is known;
//! - [`request`], [`response`], [`event`], [`message`], [`error`]: the stanzas;
//! - the use cases, in the chapters of XEP-0060: `entity`, `subscriber`, `publisher`, `owner`, `management`.

pub mod access;
pub mod activity;
pub mod address;
pub mod call;
pub mod caps;
pub mod config;
pub mod effect;
pub mod entity;
pub mod error;
pub mod event;
pub mod form;
pub mod host;
pub mod interest;
pub mod message;
pub mod node;
pub mod ns;
pub mod occupant;
pub mod options;
pub mod request;
pub mod response;
pub mod room;
pub mod rsm;
pub mod service;
pub mod snapshot;
pub mod subscribe_options;
pub mod subscription;

mod by_name;
mod case;
mod delivery;
mod explain;
#[cfg(feature = "lua")]
mod lua;
mod management;
mod naming;
mod owner;
mod pending;
mod publisher;
mod subscriber;
mod xml;

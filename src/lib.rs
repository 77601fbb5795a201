//! MEP, the MUC Eventing Protocol (XEP-0316): every chat room and every occupant of one is a pubsub service.
//!
//! This is the part of `mod_mep` that decides. It has no clock, no randomness, no IO and, apart from the module `lua`,
//! no Lua: calls come in, effects go out as values, and the glue in `lua/` carries them out in Prosody.
//!
//! Read two types first: [`host::Host`], where every call comes in, and [`effect::Effect`], what a call asks the server
//! to do. Between them are these modules, each of which knows only those below it:
//!
//! - [`host`]: all rooms of a MUC host, and the calls of the server;
//! - `usecase`: the requests, by the chapters of XEP-0060;
//! - [`room`]: occupants and sessions, their interest in events, and their rights;
//! - [`effect`]: what goes out;
//! - [`stanza`]: requests, replies and messages;
//! - [`settings`]: the options as the server's configuration has them;
//! - [`pubsub`]: nodes, items, access, subscriptions, and their records for storage;
//! - [`options`]: what an admin can set;
//! - [`facts`]: what the server knows at the moment of a call;
//! - [`caps`]: entity capabilities;
//! - [`xml`]: forms, pages, namespaces;
//! - [`error`], [`id`], [`jid`](mod@jid), [`moment`], [`activity`], [`held`]: the ground.

pub mod activity;
pub mod caps;
pub mod effect;
pub mod error;
pub mod face;
pub mod facts;
pub mod held;
pub mod host;
pub mod id;
pub mod jid;
pub mod moment;
pub mod options;
pub mod pubsub;
pub mod room;
pub mod settings;
pub mod stanza;
pub mod usecase;
pub mod xml;

#[cfg(feature = "lua")]
mod lua;

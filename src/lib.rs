//! MEP, the MUC Eventing Protocol (XEP-0316): every chat room and every occupant of one is a pubsub service.
//!
//! This is the part of `mod_mep` that decides. It has no clock, no randomness, no IO and, but for the module `lua`,
//! no Lua: calls come in, effects go out as values, and the glue in `lua/` carries them out in Prosody.
//!
//! Two types to read first: [`host::Host`], where every call comes in, and [`effect::Effect`], what a call asks to
//! be done. Between them are the floors of the house, each of which knows only those below it:
//!
//! - [`host`]: all rooms; what the server tells and asks;
//! - `usecase`: the requests, by the chapters of XEP-0060;
//! - [`room`]: who is where with which clients, who wants which events, and who may do what;
//! - [`stanza`]: requests, replies and messages;
//! - [`pubsub`]: nodes, items, access, subscriptions, and what of them outlives the process;
//! - [`caps`], [`options`]: what clients say that they want; what an admin can set;
//! - [`xml`]: forms, pages, namespaces;
//! - [`error`], [`jid`](mod@jid), [`moment`], [`activity`]: the ground.

pub mod activity;
pub mod caps;
pub mod effect;
pub mod error;
pub mod facts;
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

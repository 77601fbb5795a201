//! Pubsub (XEP-0060): services, nodes, items, access, subscriptions. Knows no room and no request.

pub mod access;
pub mod config;
pub mod node;
pub mod service;
pub mod snapshot;
pub mod subscribe_options;
pub mod subscription;

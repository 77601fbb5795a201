//! Hundreds of sessions under a virtual clock: they join, leave, change, answer, lie and stay silent, over a network
//! that delays and loses stanzas. Each call's effects are compared with those of a plain model.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "capabilities/clients.rs"]
mod clients;
#[path = "capabilities/model.rs"]
mod model;
mod support;
#[path = "capabilities/world.rs"]
mod world;

use proptest::prelude::*;
use world::{Nature, World};

/// Runs a world for some days, and then to its end.
fn live(nature: Nature, steps: usize) {
    let mut world = World::new(nature);
    world.run(steps);
    world.calm();
    world.end();
}

#[test]
fn nobody_misses_anything_and_nobody_is_sent_what_they_do_not_want() {
    for seed in 0..5 {
        live(Nature { seed, people: 300, rooms: 4, cache: 10_000, loss: 10 }, 2500);
    }
}

#[test]
fn a_cache_that_is_too_small_costs_questions_and_nothing_else() {
    for seed in 104..109 {
        live(Nature { seed, people: 100, rooms: 2, cache: 3, loss: 30 }, 2500);
    }
}

#[test]
fn a_network_that_loses_every_other_stanza_delays_what_is_known() {
    for seed in 208..216 {
        live(Nature { seed, people: 60, rooms: 2, cache: 10_000, loss: 50 }, 2000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_world_is_like(
        seed in any::<u64>(), people in 2..40usize, rooms in 1..4usize, cache in 0..40usize, loss in 0..60usize
    ) {
        live(Nature { seed, people, rooms, cache, loss }, 600);
    }
}

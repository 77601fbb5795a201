//! What the fuzz targets do with their input. `fuzz/` runs them under libFuzzer, and `tests/fuzz_targets.rs` with the
//! kept corpus and some pseudo-random inputs.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::needless_for_each,
    reason = "a target stops at the first surprise"
)]

pub mod calls;
pub mod capabilities;
mod draw;
pub mod payload;
mod strict;

use std::alloc::System;

use stats_alloc::{Region, StatsAlloc};

/// Counts the octets of all threads: targets run one at a time.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Drops a value. Returns how many octets of the heap it held.
fn weigh<T>(value: T) -> usize {
    let region = Region::new(ALLOCATOR);
    drop(value);
    let change = region.change();
    change.bytes_deallocated.saturating_sub(change.bytes_allocated)
}

//! The core's figures as JSON, for the table and the plot of docs/performance.md: `cargo bench --bench figures`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod crowd;

use std::alloc::System;
use std::hint::black_box;
use std::time::Instant;

use crowd::{Crowd, INTERESTED, Index, KINDS, Publish, SIZES};
use stats_alloc::{Region, StatsAlloc};

/// Counts the requested octets, without the allocator's rounding.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let rows: Vec<_> = SIZES.into_iter().map(row).collect();
    let (one, many) = (memory(100_000, 1), memory(100_000, 2_000));
    println!(
        "{{\"interested\":{INTERESTED},\"sizes\":[{}],\"bytes_per_session\":{one:.1},\
         \"bytes_per_session_in_rooms_of_50\":{many:.1}}}",
        rows.join(",")
    );
}

fn row(sessions: usize) -> String {
    let index = Index::new(sessions);
    assert_eq!(index.fan_out().len(), INTERESTED);
    let fan_out = time(|| black_box(&index).fan_out());
    drop(index);
    let (mut crowd, request) = (Crowd::new(sessions, 1), Publish::default());
    assert_eq!(crowd.publish(&request), INTERESTED);
    let publish = time(|| crowd.publish(black_box(&request)));
    let number = sessions * KINDS + 1; // not in the room yet, with the same client as number 1
    let (said, features) = crowd.said(number);
    let come_and_go = time(|| {
        crowd.come(number, said.clone(), &features);
        crowd.leave(number)
    });
    format!(
        "{{\"sessions\":{sessions},\"fan_out_ns\":{fan_out:.1},\"publish_ns\":{publish:.1},\
         \"come_and_go_ns\":{come_and_go:.1}}}"
    )
}

/// Nanoseconds of one run: the median of 101 samples of at least 20 µs.
fn time<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut batch = 1_u32;
    let mut sample = |batch: u32| {
        let start = Instant::now();
        for _ in 0..batch {
            black_box(run());
        }
        start.elapsed().as_secs_f64() * 1e9
    };
    while sample(batch) < 20_000.0 {
        batch *= 2;
    }
    let mut samples: Vec<_> = (0..101).map(|_| sample(batch) / f64::from(batch)).collect();
    let middle = samples.len() / 2;
    *samples.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Octets on the heap per session: its JID, its occupant with nick and occupant-id, its claim, its interest.
fn memory(sessions: usize, rooms: usize) -> f64 {
    let region = Region::new(ALLOCATOR);
    let crowd = Crowd::new(sessions, rooms);
    let change = region.change();
    drop(crowd);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let sessions = sessions as f64;
    held / sessions
}

//! The fuzz targets without a fuzzer: the kept corpus, and pseudo-random inputs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod fuzzing;
mod support;

use std::path::Path;
use std::sync::Mutex;

use fuzzing::{calls, capabilities, payload};

/// Targets weigh what they hold by a counter of the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn calls_of_all_kinds_hold_what_is_promised() {
    play("calls", calls::run, 100, 2000);
}

#[test]
fn payloads_of_all_kinds_are_refused_or_read_by_every_parser() {
    play("payload", payload::run, 2000, 200);
}

#[test]
fn answers_are_verified_as_a_plain_reading_of_the_xeps_verifies_them() {
    play("capabilities", capabilities::run, 2000, 200);
}

fn play(target: &str, run: fn(&[u8]), times: u64, size: usize) {
    let _alone = ONE_AT_A_TIME.lock();
    let times = times * std::env::var("MEP_HISTORIES").map_or(1, |times| times.parse().unwrap());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    for file in corpus.read_dir().unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        run(&std::fs::read(path).unwrap());
    }
    for seed in 0..times {
        println!("seed {seed}");
        run(&random_input(seed, size - usize::try_from(seed % 5).unwrap()));
    }
}

/// `SplitMix64`: inputs for tests, the same for the same seed.
fn random_input(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..size.div_ceil(8)).flat_map(|_| next().to_be_bytes()).take(size).collect()
}

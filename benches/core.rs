//! The costs of the core, from 10 to 100,000 sessions in a room: `cargo bench --bench core`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod crowd;

use crowd::{Crowd, INTERESTED, Index, KINDS, Publish, SIZES};
use divan::{Bencher, black_box};
use mep_core::caps::Info;
use minidom::Element;

fn main() {
    // `cargo test --all-targets` starts this, too, but there is nothing to test.
    if std::env::args().any(|argument| argument == "--bench") {
        divan::main();
    }
}

/// The list of the sessions that want a node: 10 of them.
#[divan::bench(args = SIZES)]
fn fan_out_list(bencher: Bencher<'_, '_>, sessions: usize) {
    let index = Index::new(sessions);
    assert_eq!(index.fan_out().len(), INTERESTED);
    bencher.bench_local(|| black_box(&index).fan_out());
}

/// A publish to 10 of the sessions: from the request to the effects.
#[divan::bench(args = SIZES)]
fn publish(bencher: Bencher<'_, '_>, sessions: usize) {
    let (mut crowd, request) = (Crowd::new(sessions, 1), Publish::default());
    assert_eq!(crowd.publish(&request), INTERESTED);
    bencher.bench_local(|| crowd.publish(black_box(&request)));
}

/// A session with a known kind of client joins and leaves.
#[divan::bench(args = SIZES)]
fn come_and_go(bencher: Bencher<'_, '_>, sessions: usize) {
    let mut crowd = Crowd::new(sessions, 1);
    let number = sessions * KINDS + 1; // not in the room yet, with the same client as number 1
    let (said, features) = crowd.said(number);
    bencher.bench_local(|| {
        crowd.come(number, said.clone(), &features);
        crowd.leave(number)
    });
}

/// An answer of 50 features is read and checked against its hash.
#[divan::bench]
fn caps_verification(bencher: Bencher<'_, '_>) {
    let features = crowd::features(KINDS, true);
    let question: Element = "<iq xmlns='jabber:client' type='get' id='q' from='r@c' to='a@b/c'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>"
        .parse()
        .unwrap();
    let reply = crowd::answer(&question, &features);
    let query = reply.children().next().unwrap();
    bencher.bench_local(|| Info::read(black_box(query), None, 2000).unwrap().interests());
}

//! Properties that hold for any input: encoding, and the true view under late recording.

mod common;
#[path = "oracle/population.rs"]
mod population;

use common::{Scratch, import, replayed};
use inforce::codec;
use inforce::fact::{Body, FactId, NoticeRecorded, NoticeStatus};
use inforce::ledger::Clock;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn decode_is_the_inverse_of_encode(source in ".{0,40}", id in ".{0,40}", subject in ".{0,40}", locale in proptest::option::of(".{0,9}")) {
        let body = Body::NoticeRecorded(NoticeRecorded {
            policy: subject.clone(),
            campaign: None,
            channel: inforce::fact::Channel::Email,
            status: NoticeStatus::Bounced,
            locale,
            content_sha256: None,
        });
        let record = codec::Record { id: FactId { source, id }, subject, body };
        prop_assert_eq!(codec::decode::<codec::Record>(&codec::encode(&record), "a record"), Ok(record));
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        // What comes of it does not matter, only that something does.
        let _ = codec::decode::<codec::Header>(&bytes, "a header");
        let _ = codec::decode::<codec::Record>(&bytes, "a record");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recorded_late_changes_nothing_in_the_true_view(seed in 0u64..100_000, choice in any::<u64>()) {
        let (usual, late) = two_orders(seed, choice);
        let (usual, late) = (true_views(&usual), true_views(&late));
        prop_assert_eq!(usual, late);
    }
}

/// A population as it is, and with a choice of the facts that nothing refers to recorded at the end.
fn two_orders(seed: u64, choice: u64) -> (Vec<Value>, Vec<Value>) {
    let mut events = population::population(seed, 80);
    // Erasures cut lives in two by the order of recording; a clock that is told would stand still for the rest.
    events.retain(|event| event["type"] != "inforce.subject.erased");
    let mut times: HashMap<String, usize> = HashMap::new();
    events.iter().for_each(|event| *times.entry(instant(event)).or_default() += 1);
    let state = [
        "notice.recorded",
        "account.linked",
        "account.unlinked",
        "preference.changed",
        "consent.recorded",
        "age.observed",
    ];
    let movable = |event: &Value| {
        let kind = event["type"].as_str().expect("a type").trim_start_matches("inforce.");
        state.contains(&kind) && times[&instant(event)] == 1
    };
    let chosen = |number: usize, event: &Value| movable(event) && choice.rotate_left(number as u32) & 1 == 1;
    let (moved, mut late): (Vec<_>, Vec<_>) =
        events.iter().cloned().enumerate().partition(|(number, event)| chosen(*number, event));
    late.extend(moved.into_iter().map(|(number, mut event)| {
        event.as_object_mut().expect("an object").remove("recordedtime");
        (number, event)
    }));
    (events, late.into_iter().map(|(_, event)| event).collect())
}

fn instant(event: &Value) -> String {
    inforce::fact::Time::parse(event["time"].as_str().expect("a time")).expect("valid").at.to_string()
}

/// Each decision's true view without what tells of lateness, by its id.
fn true_views(events: &[Value]) -> Vec<(String, Value, Vec<String>)> {
    let scratch = Scratch::new();
    let ledger = scratch.open();
    import(&ledger, events, Clock::Recorded).into_iter().for_each(|outcome| assert!(outcome.is_ok(), "{outcome:?}"));
    ledger.close().expect("closed");
    let views = replayed(&scratch.read()).into_iter().map(|judged| {
        let rules = judged["true"]["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|rule| format!("{} {} {} {}", rule["id"], rule["policy"], rule["version"], rule["use"]));
        (
            judged["decision"].to_string().replace(&judged["decision"]["seq"].to_string(), ""),
            judged["true"]["verdict"].clone(),
            rules.collect(),
        )
    });
    views.collect()
}

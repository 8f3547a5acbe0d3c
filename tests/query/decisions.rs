//! Decisions: by index, by kept verdicts and by judging, page by page.

use crate::ask::{ALL, MANY_PARTS, at, decisions};
use crate::common::crowd::apart;
use crate::common::events::{age, erased};
use crate::common::{Scratch, check_ledger, copy_folder, expect_parts, facts, import, replay_of};
use crate::log;
use crate::population::*;
use inforce::fact::{Conformance, Time, Verdict};
use inforce::ledger::{Clock, Parts};
use inforce::query::{self, Filter, Side, Span};
use inforce::search::{self, How, Page, kept_label};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The naive filter: by the event as it was sent, and the verdict as `replay --json` prints it.
fn takes(filter: &Filter, event: &Value, verdict: &Value) -> bool {
    let (data, item) = (&event["data"], &event["data"]["item"]);
    let one = |wanted: &[String], found: &Value| wanted.is_empty() || wanted.iter().any(|wanted| found == wanted);
    let app = json!(event["subject"].as_str().expect("an account").split('/').next());
    let views: Vec<&Value> = match filter.side {
        Side::Known => vec![&verdict["known"]],
        Side::True => vec![&verdict["true"]],
        Side::Either => vec![&verdict["known"], &verdict["true"]],
    };
    let listed = |view: &Value, wanted: &[String], list: &str| {
        let has = |wanted: &String| view[list].as_array().expect("a list").iter().any(|each| each["id"] == *wanted);
        wanted.is_empty() || wanted.iter().any(has)
    };
    // All that is asked of a view holds in one and the same.
    let in_view = |view: &&Value| {
        let of = |name: &Verdict| view["verdict"] == name.name();
        (filter.verdicts.is_empty() || filter.verdicts.iter().any(of))
            && listed(view, &filter.rules, "rules")
            && listed(view, &filter.findings, "findings")
    };
    let span = &filter.span;
    let clock = at(if span.by_recording { &event["recordedtime"] } else { &event["time"] });
    span.since.is_none_or(|since| clock >= since.0)
        && span.until.is_none_or(|until| clock < until.0)
        && one(&filter.accounts, &event["subject"])
        && one(&filter.apps, &app)
        && one(&filter.advertisers, &item["advertiser"])
        && one(&filter.campaigns, &item["campaign"])
        && one(&filter.regions, &data["region"])
        && (filter.topics.is_empty()
            || filter.topics.iter().any(|topic| item["topics"].as_array().expect("a list").contains(&json!(topic))))
        && (filter.kinds.is_empty() || filter.kinds.iter().any(|kind| item["kind"] == kind.name()))
        && (filter.conformances.is_empty()
            || filter.conformances.iter().any(|name| verdict["conformance"] == name.name()))
        && views.iter().any(in_view)
}

/// What is found by judging.
fn judged(parts: &Parts, filter: &Filter, page: &Page) -> (Vec<Value>, search::Turned) {
    let mut found = Vec::new();
    let turned = search::judged(parts, filter, page, &mut |line| {
        found.push(query::to_json(line));
        ControlFlow::Continue(())
    });
    (found, turned.expect("answered"))
}

pub fn random_filter(random: &mut Random) -> Filter {
    let mut filter = Filter::default();
    let list = |random: &mut Random, all: &[&str], odds: u64| -> Vec<String> {
        if random.below(odds) > 0 {
            Vec::new()
        } else {
            (0..=random.below(2)).map(|_| random.of(all).to_owned()).collect()
        }
    };
    filter.accounts = list(random, ACCOUNTS, 3);
    filter.advertisers = list(random, ADVERTISERS, 4);
    filter.campaigns = list(random, CAMPAIGNS, 6);
    filter.apps = list(random, &["facebook", "instagram", "nobody"], 6);
    filter.regions = list(random, REGIONS, 5);
    filter.topics = list(random, TOPICS, 5);
    let rules = [
        "excluded-region",
        "sensitive-topic",
        "accounts-not-linked",
        "unlabelled",
        "human-message",
        "topic-limited",
        "no-such-rule",
    ];
    filter.rules = list(random, &rules, 3);
    filter.findings = list(random, &["views-differ", "late-fact", "tz-ambiguous"], 6);
    if random.below(4) == 0 {
        filter.verdicts = vec![Verdict::ALL[random.below(4) as usize]];
    }
    if random.below(4) == 0 {
        filter.conformances = vec![Conformance::ALL[random.below(7) as usize], Conformance::Breach];
    }
    filter.side = [Side::Known, Side::True, Side::Either][random.below(3) as usize];
    if random.below(2) == 0 {
        let instant = |random: &mut Random| Time::parse(&hours(random.below(400))).expect("a time").at;
        let (one, other) = (instant(random), instant(random));
        let (since, until) = (Some(one.min(other)), Some(one.max(other)).filter(|_| random.below(3) > 0));
        filter.span = Span { since, until, by_recording: random.below(2) == 0 };
    }
    filter
}

#[test]
fn every_filter_finds_what_a_naive_one_finds_by_index_by_judging_and_page_by_page() {
    for seed in [1, 2] {
        let events = apart(&population(seed, 80), 3);
        let scratch = ledger_of(&events);
        let verdicts = replay_of(&scratch.read());
        let by_id: BTreeMap<&str, &Value> =
            events.iter().map(|event| (event["id"].as_str().expect("an id"), event)).collect();
        let parts = [MANY_PARTS, u64::MAX].map(|len| scratch.read().load_parts(len, None).expect("loads"));
        expect_parts(&scratch.read());
        let mut random = Random(seed ^ 77);
        let filters: Vec<Filter> =
            std::iter::once(Filter::default()).chain((0..60).map(|_| random_filter(&mut random))).collect();
        let mut nonempty = 0;
        for (number, filter) in filters.iter().enumerate() {
            let expected: Vec<u64> = verdicts
                .iter()
                .filter(|verdict| takes(filter, by_id[verdict["decision"]["id"].as_str().expect("an id")], verdict))
                .map(|verdict| verdict["decision"]["seq"].as_u64().expect("a seq"))
                .collect();
            nonempty += usize::from(!expected.is_empty());
            // Nothing is kept yet for the first half: decisions are gathered, or everything is judged.
            if number < 3 {
                let _ = std::fs::remove_dir_all(scratch.path().join("verdicts"));
            }
            let (found, turned, _) = decisions(&scratch, filter, &ALL);
            let seqs: Vec<u64> = found.iter().map(|line| line["seq"].as_u64().expect("a seq")).collect();
            assert_eq!(seqs, expected, "{filter:?}");
            assert!(!turned.more);
            let by_judging = parts.each_ref().map(|parts| judged(parts, filter, &ALL).0);
            assert_eq!(by_judging, [&found; 2].map(Clone::clone), "kept verdicts are those of a replay: {filter:?}");
            for (newest, limit) in [(true, 1), (false, 2), (true, 7)] {
                let mut pages = Vec::new();
                let mut page = Page { newest, limit, after: None };
                loop {
                    let (found, turned, told) = decisions(&scratch, filter, &page);
                    assert_eq!(told, [], "verdicts are kept by now");
                    for parts in &parts {
                        assert_eq!(judged(parts, filter, &page), (found.clone(), turned), "{page:?}");
                    }
                    assert!(found.len() <= limit && turned.more == (found.len() == limit && turned.more));
                    pages.extend(found);
                    page.after = turned.last;
                    if !turned.more {
                        break;
                    }
                }
                if newest {
                    pages.reverse();
                }
                assert_eq!(pages, found, "{filter:?} {newest} {limit}");
            }
        }
        assert!(nonempty > 12, "{nonempty} filters found something");
        check_ledger(&scratch);
    }
}

#[test]
fn a_page_that_is_gathered_says_what_a_replay_says() {
    let events = population(5, 150);
    let scratch = ledger_of(&events);
    let parts = scratch.read().load_parts(MANY_PARTS, None).expect("loads");
    for account in ACCOUNTS {
        let filter = Filter { accounts: vec![(*account).to_owned()], ..Filter::default() };
        let page = Page { newest: true, limit: 50, after: None };
        let (found, _, told) = decisions(&scratch, &filter, &page);
        assert_eq!(told, [], "nothing is judged whole for one account");
        assert_eq!(found, judged(&parts, &filter, &page).0, "{account}");
        assert!(!scratch.path().join("verdicts").exists());
    }
}

#[test]
fn kept_verdicts_are_made_again_when_the_ledger_grew_or_they_were_touched_and_hold_nothing_of_a_body() {
    use std::os::unix::fs::PermissionsExt;
    let events = population(3, 120);
    let scratch = ledger_of(&events);
    let filter = Filter::default();
    assert_eq!(decisions(&scratch, &filter, &ALL).2, [How::Judging, How::Kept]);
    let before = decisions(&scratch, &filter, &ALL);
    assert_eq!(before.2, []);
    let kept = scratch.path().join("verdicts/kept");
    let bytes = std::fs::read(&kept).expect("kept");
    assert_eq!(std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777, 0o600);
    for told in ACCOUNTS.iter().chain(TOPICS).chain(ADVERTISERS).chain(&["secret", "//test"]) {
        assert!(!bytes.windows(told.len()).any(|window| window == told.as_bytes()), "{told}");
    }
    // Any byte that is changed is noticed, and the ledger judged again.
    for place in (0..bytes.len()).step_by(bytes.len() / 12).chain([bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&kept, &damaged).expect("written");
        let (found, _, told) = decisions(&scratch, &filter, &ALL);
        assert_eq!((found, told), (before.0.clone(), vec![How::Judging, How::Kept]), "byte {place}");
    }
    for len in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&kept, &bytes[..len]).expect("written");
        assert_eq!(decisions(&scratch, &filter, &ALL).0, before.0, "{len} bytes");
    }
    // Another ledger's are not this one's.
    let other = ledger_of(&events);
    copy_folder(&scratch.path().join("verdicts"), &other.path().join("verdicts"));
    assert_eq!(decisions(&other, &filter, &ALL).2, [How::Judging, How::Kept]);
    // An erasure is an entry: nothing is told of what was kept before it.
    let ledger = scratch.open();
    ledger.append(facts(&[erased("gone", "facebook/a", "all")])).expect("appended");
    ledger.close().expect("closed");
    let (after, _, told) = decisions(&scratch, &filter, &ALL);
    assert_eq!(told, [How::Judging, How::Kept]);
    assert!(after.iter().all(|line| line["account"] != "facebook/a"));
    assert!(after.iter().any(|line| line["conformance"] == "erased" && line["account"].is_null()));
    check_ledger(&scratch);
}

#[test]
fn a_ledger_is_settled_where_journal_tree_and_everything_signed_end_alike() {
    let scratch = ledger_of(&population(4, 60));
    let ledger = scratch.read();
    let loaded = ledger.load_parts(MANY_PARTS, None).expect("loads");
    assert_eq!(ledger.settled().expect("told"), Some((loaded.size, loaded.root)));
    assert!(search::keep(&ledger, &loaded).expect("kept"));
    let kept = ledger.kept_verdicts(&kept_label(), loaded.size, loaded.root).expect("kept");
    assert_eq!((kept.size(), kept.root()), (loaded.size, loaded.root));
    let before = scratch.copied();
    let writer = scratch.open();
    assert!(writer.settled().expect("told").is_some());
    writer.append(facts(&[age("more", "facebook/a")])).expect("appended");
    assert_eq!(writer.settled().expect("told").map(|(size, _)| size.0), Some(loaded.size.0 + 1), "not signed yet");
    writer.close().expect("closed");
    // The journal goes on; then only a checkpoint does.
    let killed = before.copied();
    copy_folder(&scratch.path().join("journal"), &killed.path().join("journal"));
    assert_eq!(killed.read().settled().expect("told"), None);
    let rolled_back = before.copied();
    std::fs::copy(scratch.path().join("checkpoint"), rolled_back.path().join("checkpoint")).expect("copied");
    assert_eq!(rolled_back.read().settled().expect("told"), None);
    // What was signed is over another tree.
    let leaves = before.path().join("tree/leaves");
    let mut bytes = std::fs::read(&leaves).expect("there");
    bytes[0] ^= 1;
    std::fs::write(&leaves, bytes).expect("written");
    assert_eq!(before.read().settled().expect("told"), None);
    // A torn group stands behind the last.
    let torn = scratch.copied();
    let segment = torn.path().join("journal/00000000.seg");
    let whole = std::fs::read(&segment).expect("there");
    let end = whole.iter().rposition(|&byte| byte != 0).expect("something") + 1;
    std::fs::write(&segment, [&whole[..end], &whole[40..60]].concat()).expect("written");
    assert_eq!(torn.read().settled().expect("told"), None);
    check_ledger(&scratch);
}

#[test]
fn what_a_killed_writer_left_behind_the_tree_is_found() {
    let (scratch, events) = (Scratch::new(), population(31, 40));
    let (first, rest) = events.split_at(events.len() - 15);
    let ledger = scratch.open();
    import(&ledger, first, Clock::Recorded);
    ledger.close().expect("closed");
    let killed = scratch.copied();
    let ledger = scratch.open();
    import(&ledger, rest, Clock::Recorded);
    ledger.close().expect("closed");
    for part in ["journal", "keyring"] {
        let (from, to) = (scratch.path().join(part), killed.path().join(part));
        match from.is_dir() {
            true => copy_folder(&from, &to),
            false => drop(std::fs::copy(&from, &to).expect("copied")),
        }
    }
    for what in [&["query", "--json", "--limit", "all"][..], &["query", "facts", "--json", "--limit", "all"]] {
        let [found, expected] = [&killed, &scratch].map(|one| log::inforce(what, &one.path()));
        assert!(log::code(&found) == 0 && !expected.stdout.is_empty(), "{what:?}: {}", log::errors(&found));
        assert!(found.stdout == expected.stdout, "{what:?}");
    }
}

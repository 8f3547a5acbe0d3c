//! The deriver over a ledger: what it appends, that it appends it once, and that what was changed does not pass.

use inforce::derive::{self, Again, Gaps, Rederive, Rederived, Unchecked};
use inforce::fact::*;
use inforce::ledger::{Clock, Ledger, system_now};

fn ledger() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::create(&dir.path().join("ledger"), None).expect("a new ledger");
    (dir, ledger)
}

fn turn(id: &str, account: &str, agent: &str, turn: u64, text: Option<&str>) -> Fact {
    let data = serde_json::json!({ "agent": agent, "conversation": format!("{account} {agent}"), "turn": turn,
        "modality": "text",
        "region": "US", "content": text });
    fact(id, "inforce.interaction.recorded", account, turn, data)
}

fn fact(id: &str, kind: &str, account: &str, second: u64, mut data: serde_json::Value) -> Fact {
    data.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    let event = serde_json::json!({ "specversion": "1.0", "id": id, "source": "//test", "type": kind,
        "subject": account,
        "time": format!("2026-01-05T10:00:{second:02}Z"), "data": data });
    inforce::wire::parse(&event.to_string()).unwrap_or_else(|refusal| panic!("{id}: {refusal}"))
}

fn append(ledger: &Ledger, facts: Vec<Fact>) {
    ledger.append(facts).expect("appended");
}

/// Derives and appends; how many labels, signals and skipped turns.
fn derive(ledger: &Ledger) -> (u64, u64, u64) {
    let mut gaps = Gaps::default();
    ledger.each_entry(|entry| gaps.take(entry)).expect("readable");
    let filling = gaps.fill(system_now());
    filling.groups.into_iter().for_each(|group| append(ledger, group));
    (filling.labelled, filling.signals, filling.skipped)
}

fn rederive(ledger: &Ledger) -> Vec<Rederived> {
    let mut again = Rederive::default();
    ledger.each_entry(|entry| again.take(entry)).expect("readable");
    again.finish()
}

fn chats() -> Vec<Fact> {
    vec![
        turn("t1", "facebook/a", "assistant", 1, Some("Which hiking boots would you take?")),
        turn("t2", "facebook/a", "assistant", 2, Some("Good morning")),
        turn(
            "t3",
            "facebook/a",
            "assistant",
            3,
            Some("I was diagnosed with diabetes, is a long hike still all right?"),
        ),
        turn("t4", "facebook/b", "assistant", 4, None),
        turn("t5", "facebook/b", "human", 5, Some("Let us go hiking")),
    ]
}

#[test]
fn deriving_twice_appends_nothing_the_second_time() {
    let (_dir, ledger) = ledger();
    append(&ledger, chats());
    let (labelled, signals, skipped) = derive(&ledger);
    assert_eq!((labelled, skipped), (3, 1), "three turns with the assistant can be read, one cannot");
    assert!(signals >= 2, "hiking and health");
    assert_eq!(derive(&ledger), (0, 0, 1));
    assert_eq!(rederive(&ledger), []);
    append(&ledger, vec![turn("t6", "facebook/a", "assistant", 6, Some("And for hiking again?"))]);
    assert_eq!(derive(&ledger), (1, 1, 1), "a later turn gets a signal of its own");
    assert_eq!(rederive(&ledger), []);
}

#[test]
fn what_another_program_said_closes_the_gap() {
    let (_dir, ledger) = ledger();
    append(&ledger, chats());
    let program = serde_json::json!({ "name": "m", "version": "1", "digest": "d1".repeat(32) });
    append(
        &ledger,
        vec![
            fact(
                "l1",
                "inforce.interaction.labelled",
                "facebook/a",
                9,
                serde_json::json!({ "target": "t1", "sensitive": [], "topics": [], "labeller": program }),
            ),
            fact(
                "g1",
                "inforce.signal.derived",
                "facebook/a",
                9,
                serde_json::json!({ "topic": "x", "sources": ["t1", "t2", "t3"], "deriver": program }),
            ),
        ],
    );
    let (labelled, signals, _) = derive(&ledger);
    assert_eq!((labelled, signals), (2, 0));
    assert_eq!(rederive(&ledger), []);
}

/// Derives `chats()` on its own, so that what comes out can be changed before it is recorded.
fn derived() -> Vec<Fact> {
    let mut turns = Vec::new();
    for chat in chats() {
        let (Body::InteractionRecorded(body), Some(text)) = (&chat.body, &chat.content) else { continue };
        if body.agent == Agent::Assistant {
            turns.push(derive::Turn::read(chat.id, &chat.subject, &body.conversation, chat.time, text));
        }
    }
    let labels = turns.iter().map(|turn| turn.label(Instant(i64::MAX)));
    let signals = derive::signals(&turns.iter().collect::<Vec<_>>(), Instant(i64::MAX));
    labels.chain(signals).collect()
}

type Change = Box<dyn Fn(&mut Fact)>;

#[test]
fn what_was_changed_does_not_come_out_the_same() {
    let signal = |change: fn(&mut SignalDerived)| -> Change {
        Box::new(move |fact| {
            if let Body::SignalDerived(body) = &mut fact.body {
                change(body)
            }
        })
    };
    let label = |change: fn(&mut InteractionLabelled)| -> Change {
        Box::new(move |fact| {
            if let Body::InteractionLabelled(body) = &mut fact.body {
                change(body)
            }
        })
    };
    let (labels, all) = (3, derived().len());
    let other = |id: &str| Source::Fact(FactId { source: "//test".to_owned(), id: id.to_owned() });
    assert!(all > labels + 1);
    let changes: Vec<(&str, usize, Change)> = vec![
        ("health taken off a label", 2, label(|body| body.sensitive = Categories::default())),
        ("a topic added to a label", 1, label(|body| body.topics.push("hiking".to_owned()))),
        ("health taken off a signal", all, signal(|body| body.sensitive = Categories::default())),
        ("another topic", labels, signal(|body| body.topic = "dancing".to_owned())),
        ("another confidence", labels, signal(|body| body.confidence_ppm = Some(1))),
        ("a source left out", all, signal(|body| drop(body.sources.pop()))),
        (
            "a source added",
            labels,
            Box::new(move |fact| {
                if let Body::SignalDerived(body) = &mut fact.body {
                    body.sources.push(other("t2"))
                }
            }),
        ),
    ];
    for (name, at, change) in changes {
        let (_dir, ledger) = ledger();
        append(&ledger, chats());
        let mut facts = derived();
        let at = if at < facts.len() { at } else { pick(&facts, name) };
        change(&mut facts[at]);
        append(&ledger, facts.clone());
        let found = rederive(&ledger);
        let ids: Vec<&str> = found.iter().map(|one| one.id.id.as_str()).collect();
        assert_eq!(ids, [facts[at].id.id.as_str()], "{name}");
        assert!(matches!(found[0].again, Again::Differs(_)), "{name}");
    }
}

/// The signal that a change is about: the sensitive one, or the one with two sources.
fn pick(facts: &[Fact], name: &str) -> usize {
    let wanted = |fact: &Fact| match &fact.body {
        Body::SignalDerived(body) if name.contains("health") => !body.sensitive.is_empty(),
        Body::SignalDerived(body) => body.sources.len() == 2,
        _ => false,
    };
    facts.iter().position(wanted).expect("such a signal")
}

#[test]
fn what_cannot_be_checked_is_told_apart() {
    let (_dir, ledger) = ledger();
    append(&ledger, chats());
    let mut facts = derived();
    if let Body::InteractionLabelled(body) = &mut facts[1].body {
        body.labeller.digest = Digest([7; 32]);
    }
    append(&ledger, facts.clone());
    let unchecked = |ledger: &Ledger| -> Vec<Unchecked> {
        rederive(ledger)
            .into_iter()
            .map(|one| match one.again {
                Again::Unchecked(why) => why,
                Again::Differs(again) => panic!("{}: {again:?}", one.id),
            })
            .collect()
    };
    assert_eq!(unchecked(&ledger), [Unchecked::OtherDigest]);
    let erased = fact("e1", "inforce.subject.erased", "facebook/a", 30, serde_json::json!({ "scope": "content" }));
    let outcomes = ledger.append_each(vec![erased], Clock::Ledger).expect("appended");
    assert!(outcomes.iter().all(Result::is_ok));
    let all = unchecked(&ledger);
    assert_eq!(all.len(), facts.len());
    assert_eq!(all.iter().filter(|&&why| why == Unchecked::NoText).count(), facts.len() - 1);
}

/// Runs the program; its exit code, and its stdout as JSON Lines.
fn inforce(dir: &std::path::Path, args: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_inforce"));
    let output = command.args(args).arg("--json").arg("--ledger").arg(dir).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

#[test]
fn the_commands_derive_once_and_exit_by_what_differs() {
    let (dir, ledger) = ledger();
    let path = dir.path().join("ledger");
    let mut label = derived().swap_remove(2);
    if let Body::InteractionLabelled(body) = &mut label.body {
        body.sensitive = Categories::default();
    }
    append(&ledger, chats());
    ledger.close().expect("closed");
    let (code, lines) = inforce(&path, &["derive"]);
    assert_eq!((code, &lines[0]["labelled"], &lines[0]["skipped"]), (Some(0), &3.into(), &1.into()));
    let (_, lines) = inforce(&path, &["derive"]);
    assert_eq!((&lines[0]["labelled"], &lines[0]["signals"]), (&0.into(), &0.into()));
    let (code, lines) = inforce(&path, &["replay", "--all", "--rederive"]);
    assert_eq!((code, lines.len()), (Some(0), 0), "no decisions, and everything comes out the same");

    let ledger = Ledger::open(&path).expect("a ledger");
    label.id.id = "changed".to_owned();
    append(&ledger, vec![label]);
    ledger.close().expect("closed");
    let (code, lines) = inforce(&path, &["replay", "--all", "--rederive"]);
    assert_eq!((code, lines.len()), (Some(3), 1));
    let told = &lines[0]["rederived"];
    assert_eq!((&told["outcome"], &told["fact"]["id"]), (&"differs".into(), &"changed".into()));
    assert_eq!(told["again"]["sensitive"], serde_json::json!(["health"]));
    assert_eq!(inforce(&path, &["replay", "--all"]).0, Some(0), "only when asked");
}

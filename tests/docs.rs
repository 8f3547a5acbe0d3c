//! Holds docs/ to the code: what the documents list is what there is.

use inforce::fact::Fact;
use inforce::judge::{self, Ask};
use inforce::ledger::{Clock, Ledger};
use inforce::policy::{self, Attr, JUDGE_RULES, PACKS, SCHEMA};
use inforce::{replay, wire};
use std::path::PathBuf;

#[allow(dead_code)]
#[path = "../examples/format.rs"]
mod format;

fn document(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a table whose first cell is `` `name` ``.
fn row<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("| `{name}` |");
    document.lines().find(|line| line.starts_with(&start))
}

#[test]
fn the_example_of_the_format_is_what_the_program_prints() {
    let document = document("docs/format.md");
    let (_, rest) = document.split_once("<!-- example: begin -->").expect("the example begins");
    let (shown, _) = rest.split_once("<!-- example: end -->").expect("and ends");
    let printed = format!("\n```text\n{}```\n", format::dump());
    assert_eq!(shown, printed, "put the output of `cargo run --example format` into docs/format.md");
}

#[test]
fn every_attribute_is_explained() {
    let document = document("docs/policies.md");
    for attr in Attr::ALL {
        assert!(row(&document, attr.path()).is_some(), "docs/policies.md has no row for `{}`", attr.path());
    }
    // What the schema names besides: the policy's own attributes and its params.
    for name in ["policy.id", "policy.version", "policy.in_force_from"] {
        assert!(row(&document, name).is_some(), "docs/policies.md has no row for `{name}`");
    }
    for action in ["use_signal", "show"] {
        assert!(SCHEMA.contains(&format!("action {action} ")) && document.contains(&format!("`{action}`")), "{action}");
    }
}

#[test]
fn every_param_is_explained_with_its_default() {
    let document = document("docs/policies.md");
    for (key, default) in PACKS[0].defaults() {
        let row = row(&document, &key).unwrap_or_else(|| panic!("docs/policies.md has no row for the param `{key}`"));
        let shown = match &default {
            serde_json::Value::String(text) => format!("`{text}`"),
            serde_json::Value::Array(items) if !items.is_empty() => String::new(),
            serde_json::Value::Null => "none".to_owned(),
            other => format!("`{other}`"),
        };
        assert!(row.contains(&shown), "the row of `{key}` names its default {shown}: {row}");
    }
}

#[test]
fn every_rule_of_every_pack_is_listed_with_its_outcome_and_title() {
    let document = document("docs/policies.md");
    for pack in PACKS {
        for rule in policy::rules(pack.cedar).expect("built-in packs are valid") {
            let line = format!("| `{}` | `{}` | {} | {} |", pack.name, rule.id, rule.outcome.name(), rule.title);
            assert!(document.contains(&line), "docs/policies.md lacks the row\n{line}");
        }
    }
    for rule in JUDGE_RULES {
        assert!(document.contains(&format!("`{rule}`")), "docs/policies.md does not name the judge's own `{rule}`");
    }
}

/// The overlay that docs/policies.md works through, out of its fence.
fn worked_example() -> String {
    let document = document("docs/policies.md");
    let (_, rest) = document.split_once("```cedar\n@id(\"late-night\")").expect("the worked example");
    let (text, _) = rest.split_once("```").expect("a fence ends");
    format!("@id(\"late-night\"){text}")
}

#[test]
fn the_worked_example_of_a_policy_validates() {
    let text = worked_example();
    policy::validate(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let rules = policy::rules(&text).expect("valid");
    assert!(rules.len() == 2 && rules.iter().all(|rule| rule.source.is_some()), "{rules:?}");
}

#[test]
fn the_worked_example_judges_as_it_says() {
    let document = document("docs/policies.md");
    let facts =
        document.split_once("```json\n").and_then(|(_, rest)| rest.split("```").next()).expect("a block of facts");
    let adoption = serde_json::json!({
        "specversion": "1.0", "id": "night@1", "source": "//policy", "type": "inforce.policy.adopted", "subject": "night",
        "time": "2025-12-01T00:00:00Z",
        "data": { "version": "1", "role": "overlay", "in_force_from": "2025-12-16T00:00:00Z", "cedar": worked_example() },
    });
    let lines = std::iter::once(adoption.to_string()).chain(facts.lines().map(str::to_owned));
    let facts: Vec<Fact> =
        lines.map(|line| wire::parse(&line).unwrap_or_else(|refusal| panic!("{refusal}: {line}"))).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::create(&dir.path().join("scratch"), None).expect("made");
    let outcomes = ledger.append_each(facts, Clock::Recorded).expect("appended");
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let world = ledger.load().expect("loaded").world;
    let judged: Vec<(String, &str, Vec<String>)> = world
        .decisions()
        .map(|decision| {
            let judgement = judge::judge(&world, decision, &mut Ask::Plainly);
            let object = replay::to_json(&world, &judgement);
            let rules = object["known"]["rules"].as_array().expect("a list");
            let rules = rules.iter().map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect();
            (world.name(decision).expect("readable").id, judgement.conformance.name(), rules)
        })
        .collect();
    let expected = [("at-two", "breach", vec!["late-night"]), ("at-noon", "out_of_scope", vec![])];
    let expected: Vec<_> = expected
        .map(|(id, conformance, rules)| {
            (id.to_owned(), conformance, rules.iter().map(|&rule| rule.to_owned()).collect())
        })
        .into();
    assert_eq!(judged, expected);
}

/// Every block of Cedar in the document is a policy that is accepted.
#[test]
fn every_policy_that_is_shown_validates() {
    let document = document("docs/policies.md");
    let blocks: Vec<&str> = document.split("```cedar\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 2, "blocks of Cedar were found");
    for block in blocks {
        policy::validate(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for name in [
        "README.md",
        "docs/architecture.md",
        "docs/format.md",
        "docs/policies.md",
        "docs/decisions.md",
        "docs/derive.md",
        "docs/operate.md",
    ] {
        let text = document(name);
        let folder = root.join(name).parent().expect("a folder").to_owned();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            assert!(folder.join(file).exists(), "{name} links to `{target}`, which is not there");
        }
    }
}

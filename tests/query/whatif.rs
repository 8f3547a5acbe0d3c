//! Other policies.

use crate::ask::{json_lines, tree};
use crate::common::crowd::apart;
use crate::common::{check_ledger, expect_parts};
use crate::log::{self, code, errors, inforce, object};
use crate::population::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_if_counts_what_two_replays_say() {
    let scratch = ledger_of(&apart(&population(8, 80), 3));
    expect_parts(&scratch.read());
    let before = json_lines(&inforce(&["replay", "--all", "--json"], &scratch.path()));
    let cases: [(&[&str], &str); 2] = [
        (&["--pack", "meta-ai-personalization"], "meta-ai-personalization@built-in"),
        (&["--pack", "meta-ai-personalization@2"], "meta-ai-personalization@2"),
    ];
    for (arguments, name) in cases {
        let after = json_lines(&inforce(&["replay", "--all", "--json", "--pack", name], &scratch.path()));
        let found = inforce(&[&["whatif", "--json"], arguments].concat(), &scratch.path());
        assert_eq!(code(&found), 0, "{}", errors(&found));
        for memory in ["0", "99999999999999999"] {
            let again = [&["whatif", "--json", "--memory", memory], arguments].concat();
            assert_eq!(inforce(&again, &scratch.path()).stdout, found.stdout, "the same, in however many parts");
        }
        let found = object(&found);
        assert_eq!((&found["hypothetical"], &found["decisions"]), (&json!(true), &json!(before.len())));
        for view in ["known", "true"] {
            let mut matrix: BTreeMap<(String, String), u64> = BTreeMap::new();
            let mut rules: BTreeMap<String, [u64; 4]> = BTreeMap::new();
            let ids = |verdict: &Value| -> BTreeSet<String> {
                let all = verdict[view]["rules"].as_array().expect("a list").iter();
                all.map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect()
            };
            for (old, new) in before.iter().zip(&after) {
                let name = |verdict: &Value| verdict[view]["verdict"].as_str().expect("a name").to_owned();
                *matrix.entry((name(old), name(new))).or_default() += 1;
                let (old, new) = (ids(old), ids(new));
                for id in old.union(&new) {
                    let counts = rules.entry(id.clone()).or_default();
                    for (count, is) in counts.iter_mut().zip([
                        old.contains(id),
                        new.contains(id),
                        !old.contains(id),
                        !new.contains(id),
                    ]) {
                        *count += u64::from(is);
                    }
                }
            }
            let cells: BTreeMap<(String, String), u64> = found[view]["matrix"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|cell| {
                    let name = |key: &str| cell[key].as_str().expect("a name").to_owned();
                    ((name("before"), name("after")), cell["count"].as_u64().expect("a count"))
                })
                .collect();
            assert_eq!(cells, matrix, "{name} {view}");
            let changes: BTreeMap<String, [u64; 4]> = found[view]["rules"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|rule| {
                    let count = |key: &str| rule[key].as_u64().expect("a count");
                    (rule["id"].as_str().expect("an id").to_owned(), ["before", "after", "anew", "gone"].map(count))
                })
                .collect();
            assert_eq!(changes, rules, "{name} {view}");
        }
    }
}

#[test]
fn what_if_takes_a_text_with_params_and_writes_nothing() {
    let scratch = ledger_of(&population(8, 120));
    let file = scratch.dir.path().join("nothing.cedar");
    std::fs::write(&file, "@id(\"no-ads\")\nforbid (principal, action == Action::\"show\", resource);\n@id(\"yes\")\npermit (principal, action, resource);\n").expect("written");
    let before = tree(&scratch.path());
    let replayed = json_lines(&inforce(&["replay", "--all", "--json"], &scratch.path()));
    for memory in ["384", "0"] {
        let args = ["whatif", "--json", "--examples", "1", "--memory", memory, "--policy", log::text(&file)];
        let found = object(&inforce(&args, &scratch.path()));
        for view in ["known", "true"] {
            let allowed = replayed.iter().filter(|verdict| verdict[view]["verdict"] == "allow");
            let seqs: Vec<&Value> = allowed.map(|verdict| &verdict["decision"]["seq"]).collect();
            assert!(seqs.len() > 1, "more than are shown");
            let mut cells = found[view]["matrix"].as_array().expect("a list").iter();
            let cell = cells.find(|cell| cell["before"] == "allow").expect("some were allowed");
            let shown = cell["examples"].as_array().expect("a list").iter().map(|each| &each["seq"]);
            assert!(shown.eq([seqs[0]]), "the first one, in {memory} MiB: {cell}");
        }
    }
    let found = inforce(&["whatif", "--json", "--examples", "2", "--policy", log::text(&file)], &scratch.path());
    assert_eq!(code(&found), 0, "{}", errors(&found));
    let found = object(&found);
    let cells = found["known"]["matrix"].as_array().expect("a list");
    assert!(cells.iter().all(|cell| cell["after"] == "deny"), "{cells:?}");
    assert!(cells.iter().all(|cell| cell["examples"].as_array().expect("a list").len() <= 2));
    let rule = found["known"]["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|rule| rule["id"] == "no-ads")
        .expect("it fired");
    assert_eq!((&rule["anew"], &rule["before"]), (&found["decisions"], &json!(0)));
    let excluded = inforce(
        &["whatif", "--json", "--pack", "meta-ai-personalization", "--param", r#"excluded_regions=["US","BR","DE"]"#],
        &scratch.path(),
    );
    assert_eq!(code(&excluded), 0, "{}", errors(&excluded));
    let count = |found: &Value| {
        found["known"]["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|rule| rule["id"] == "excluded-region")
            .map(|rule| rule["anew"].clone())
    };
    assert!(count(&object(&excluded)).expect("it fired").as_u64().expect("a count") > 0);
    let text = inforce(&["whatif", "--pack", "overlay-minors"], &scratch.path());
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(text.contains("hypothetical: nothing of this is a verdict on record"), "{text}");
    assert_eq!(tree(&scratch.path()), before, "nothing was written");
    check_ledger(&scratch);
}

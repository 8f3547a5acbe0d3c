//! The printable page inside a bundle: the explanation of the decision, and what the evidence is worth.

use super::{Bundle, Part};
use crate::checkpoint::{Checkpoint, Note};
use crate::exhibit::Exhibit;
use crate::explain::{self, Appendix, Evidence};
use crate::judge::Judgement;
use crate::timeline::World;
use std::collections::BTreeMap;

/// The page of a bundle whose other parts are made; `shown` are its entries as they read.
pub fn summary(bundle: &Bundle, shown: &BTreeMap<u64, Exhibit>, world: &World, judgement: &Judgement) -> String {
    let mut evidence = Evidence::default();
    shown.values().for_each(|exhibit| evidence.add(exhibit.entry.clone()));
    let withheld = bundle.entries.iter().filter(|entry| entry.content == Some(Part::Withheld));
    withheld.for_each(|entry| evidence.keep_text(entry.seq));
    let with_content = shown.values().any(|exhibit| exhibit.content.is_some());
    let explanation = explain::explain(world, judgement, &evidence, with_content);
    explain::to_page(&explanation, &appendix(bundle))
}

fn appendix(bundle: &Bundle) -> Appendix {
    let open = bundle.entries.iter().filter(|entry| matches!(entry.body, Part::Open { .. })).count();
    let mut facts = vec![
        (
            "Evidence".to_owned(),
            format!("{} entries, {open} of them open, of {} streams", bundle.entries.len(), bundle.streams.len()),
        ),
        ("Decision".to_owned(), format!("entry {}, hash {}", bundle.decision.seq, bundle.decision.hash)),
    ];
    if let Ok(note) = Note::parse(&bundle.checkpoint)
        && let Ok(checkpoint) = Checkpoint::unverified(&note)
    {
        facts.push((
            "Checkpoint".to_owned(),
            format!("{}, {} entries, root {}", checkpoint.origin, checkpoint.size.0, checkpoint.root),
        ));
        let others = note.signatures().iter().filter(|line| line.name != checkpoint.origin);
        let names: Vec<&str> = others.map(|line| line.name.as_str()).collect();
        let names =
            if names.is_empty() { "nobody: it is the ledger's word alone".to_owned() } else { names.join(", ") };
        facts.push(("Cosigned by".to_owned(), names));
    }
    for erasure in &bundle.erasures {
        let what = if erasure.scope == "all" { "everything" } else { "the text of chats" };
        facts.push((
            "Erased".to_owned(),
            format!("{what} of stream {} by entry {}, {}", erasure.stream, erasure.seq, erasure.time),
        ));
    }
    facts.push(("Judged by".to_owned(), format!("{} {}", bundle.engine.name, bundle.engine.version)));
    facts.push(("To check".to_owned(), "inforce verify-bundle FILE --key PUBLIC-KEY".to_owned()));
    Appendix { title: "What this is worth as evidence".to_owned(), statements: bundle.completeness.clone(), facts }
}

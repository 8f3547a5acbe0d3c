//! A sample in words.
//!
//! Names of others are printed cleaned: a seed or a region could steer a terminal.

use crate::explain::clean;
use crate::query::{Bound, SampleFile};

/// Lines for people.
pub fn words(file: &SampleFile) -> Vec<String> {
    let (all, recipe) = (file.population.decisions, &file.recipe);
    let mut lines = vec![format!(
        "{} of {all} decisions, drawn by seed `{}` under the root of {} entries",
        file.overall.sample,
        clean(&recipe.seed),
        recipe.entries
    )];
    for each in &file.strata {
        let name = each.stratum.iter().map(|part| if part.is_empty() { "(none)".to_owned() } else { clean(part) });
        let name = if each.stratum.is_empty() { "all".to_owned() } else { name.collect::<Vec<_>>().join(", ") };
        lines.push(format!("  {:>6} of {:<8} {name}{}", each.sample, each.population, none_fails(&each.bounds)));
    }
    let spread = file.strata.len() > 1;
    if let [none, rest @ ..] = &file.overall.bounds[..] {
        let more = |bound: &Bound| {
            let verb = if bound.failures == 1 { "fails" } else { "fail" };
            format!("{} if {} {verb}", percent(bound.rate), bound.failures)
        };
        let more = rest.iter().map(more).collect::<Vec<_>>().join(", ");
        let more = if more.is_empty() { more } else { format!("; {more}") };
        lines.push(format!(
            "if none of them fails, at most {} of the {all} do ({}), at 95 % confidence{more}",
            none.at_most,
            percent(none.rate)
        ));
    }
    if spread {
        lines.push(
            "  however failures are spread over the strata; the bound of each stratum is at 95 % for itself".into(),
        );
    }
    let sizes = file.overall.sizes.iter().map(|size| format!("{} for {}", size.sample, percent(size.tolerable)));
    let what = if spread { "draw from these strata" } else { "draw" };
    let sizes = sizes.collect::<Vec<_>>().join(", ");
    lines.push(format!("to rule out a higher rate, {what}, with none failing: {sizes}"));
    lines.push(commitment(file));
    if file.standing.erasures > 0 {
        lines.push(format!(
            "the ledger had {} entries when this was drawn, {} of them erasures that the root is not over: they may have moved \
             decisions between strata, and whoever asked for them may have known the seed",
            file.standing.entries, file.standing.erasures
        ));
    }
    lines
}

/// Who committed to the root.
fn commitment(file: &SampleFile) -> String {
    if !file.committed {
        return NOT_COMMITTED.to_owned();
    }
    if file.cosigned.is_empty() {
        return "the root is signed by the ledger alone: that commits to it only if somebody outside had this checkpoint \
                before the seed was said"
            .to_owned();
    }
    let names: Vec<String> = file.cosigned.iter().map(|name| clean(name)).collect();
    format!(
        "the root is in a checkpoint that also has lines of {} (not verified here): expected before the seed was said",
        names.join(", ")
    )
}

/// What nobody who is shown such a sample may overlook.
pub const NOT_COMMITTED: &str = "NOT COMMITTED: the root is in no checkpoint at hand. Whoever holds the ledger could have \
    chosen it after hearing the seed. Have `inforce checkpoint` sign it, give that to somebody outside, and only then have \
    the seed said by whoever audits";

fn none_fails(bounds: &[Bound]) -> String {
    bounds.first().map_or(String::new(), |bound| format!("  (none fails: at most {})", percent(bound.rate)))
}

fn percent(rate: f64) -> String {
    format!("{:.2} %", rate * 100.0)
}

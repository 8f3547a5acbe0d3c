//! What was asked for on the command line, as filters.

use super::Query;
use crate::cli::CliError;
use crate::fact::{Account, Conformance, ItemKind, Kind, Region, Verdict};
use crate::query::{FactFilter, Filter, Side, Span};

pub fn verdict(text: &str) -> Result<Verdict, String> {
    Verdict::parse(text).ok_or_else(|| format!("expected {}", Verdict::NAMES.join(", ")))
}

pub fn conformance(text: &str) -> Result<Conformance, String> {
    Conformance::parse(text).ok_or_else(|| format!("expected {}", Conformance::NAMES.join(", ")))
}

pub fn policy(text: &str) -> Result<(String, Option<String>), String> {
    match text.split_once('@') {
        Some((policy, version)) if !policy.is_empty() && !version.is_empty() => {
            Ok((policy.to_owned(), Some(version.to_owned())))
        }
        None if !text.is_empty() => Ok((text.to_owned(), None)),
        _ => Err("expected `POLICY` or `POLICY@VERSION`".to_owned()),
    }
}

pub fn account(text: &str) -> Result<String, String> {
    Account::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub fn region(text: &str) -> Result<String, String> {
    Region::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub fn side(text: &str) -> Result<Side, String> {
    match text {
        "known" => Ok(Side::Known),
        "true" => Ok(Side::True),
        "either" => Ok(Side::Either),
        _ => Err("expected known, true or either".to_owned()),
    }
}

pub fn limit(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        number => {
            number.parse().ok().filter(|&limit| limit > 0).ok_or_else(|| "expected a number from 1, or `all`".into())
        }
    }
}

impl Query {
    pub fn decision_filter(&self) -> Result<Filter, CliError> {
        if self.with_content {
            return Err(CliError::Usage("--with-content: expected with `facts` only".to_owned()));
        }
        let kinds = self.kinds.iter().map(|kind| {
            let expected = || CliError::Usage(format!("--kind `{kind}`: expected {}", ItemKind::NAMES.join(", ")));
            ItemKind::parse(kind).ok_or_else(expected)
        });
        Ok(Filter {
            accounts: self.accounts.clone(),
            advertisers: self.advertisers.clone(),
            campaigns: self.campaigns.clone(),
            apps: self.apps.clone(),
            regions: self.regions.clone(),
            kinds: kinds.collect::<Result<_, _>>()?,
            topics: self.topics.clone(),
            rules: self.rules.clone(),
            verdicts: self.verdicts.clone(),
            conformances: self.conformances.clone(),
            findings: self.findings.clone(),
            policies: self.policies.clone(),
            span: self.span(),
            side: self.view,
        })
    }

    pub fn fact_filter(&self) -> Result<FactFilter, CliError> {
        let of_decisions = [
            ("--rule", self.rules.is_empty()),
            ("--verdict", self.verdicts.is_empty()),
            ("--conformance", self.conformances.is_empty()),
            ("--finding", self.findings.is_empty()),
            ("--view", self.view == Side::Either),
            ("--refresh", !self.refresh),
        ];
        if let Some((name, _)) = of_decisions.iter().find(|(_, absent)| !absent) {
            return Err(CliError::Usage(format!("{name}: expected with `decisions` only")));
        }
        let kinds = self.kinds.iter().map(|kind| {
            let names: Vec<&str> = Kind::NAMES.iter().map(|name| name.trim_start_matches("inforce.")).collect();
            let found = Kind::parse(kind).or_else(|| Kind::parse(&format!("inforce.{kind}")));
            found.ok_or_else(|| CliError::Usage(format!("--kind `{kind}`: expected {}", names.join(", "))))
        });
        Ok(FactFilter {
            accounts: self.accounts.clone(),
            advertisers: self.advertisers.clone(),
            campaigns: self.campaigns.clone(),
            apps: self.apps.clone(),
            regions: self.regions.clone(),
            kinds: kinds.collect::<Result<_, _>>()?,
            topics: self.topics.clone(),
            policies: self.policies.clone(),
            span: self.span(),
        })
    }

    fn span(&self) -> Span {
        Span { since: self.within.since, until: self.within.until, by_recording: self.clock == "recorded" }
    }
}

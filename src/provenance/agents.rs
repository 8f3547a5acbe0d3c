//! Who is behind what: programs, the decider, accounts, and the engine that judges. Identifiers are numbers: names are
//! what others wrote.

use super::document::{Document, name};
use crate::codec::StreamId;
use crate::fact::Program;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Agents met so far, in the order of meeting them.
#[derive(Default)]
pub struct Agents {
    programs: Vec<Program>,
    accounts: BTreeMap<StreamId, usize>,
}

fn software(label: &str) -> Value {
    json!({ "prov:type": name("prov:SoftwareAgent"), "prov:label": label })
}

impl Agents {
    /// A deriver or labeller.
    pub fn program(&mut self, document: &mut Document, program: &Program) -> String {
        let known = self.programs.iter().position(|other| other == program);
        let number = known.unwrap_or_else(|| {
            self.programs.push(program.clone());
            self.programs.len() - 1
        });
        let id = format!("agent:program-{}", number + 1);
        let mut attributes = software(&format!("{} {}", program.name, program.version));
        attributes["inforce:name"] = json!(program.name);
        attributes["inforce:version"] = json!(program.version);
        attributes["inforce:digest"] = json!(program.digest.to_string());
        attributes["inforce:provider"] = json!(program.provider);
        document.element("agent", &id, attributes);
        id
    }

    /// Who decided: the source of the decision's fact.
    pub fn decider(&mut self, document: &mut Document, source: &str) -> String {
        document.element("agent", "agent:decider", software(source));
        "agent:decider".to_owned()
    }

    /// An account; its name, as long as somebody knows it.
    pub fn account(&mut self, document: &mut Document, stream: StreamId, account: Option<&str>) -> String {
        let next = self.accounts.len() + 1;
        let id = format!("agent:account-{}", self.accounts.entry(stream).or_insert(next));
        let attributes = json!({
            "prov:type": name("inforce:Account"), "prov:label": account, "inforce:erased": account.is_none(),
        });
        document.element("agent", &id, attributes);
        id
    }

    /// This program.
    pub fn engine(&mut self, document: &mut Document) -> String {
        let mut attributes = software(concat!("inforce ", env!("CARGO_PKG_VERSION")));
        attributes["inforce:version"] = json!(env!("CARGO_PKG_VERSION"));
        document.element("agent", "agent:engine", attributes);
        "agent:engine".to_owned()
    }
}

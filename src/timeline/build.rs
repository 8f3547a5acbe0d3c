//! Entries into a world.

use super::account::Late;
use super::*;
use crate::codec::{Link, Record};
use crate::entry::Entry;
use crate::policy::Compiled;

impl World {
    /// Takes the next entry; seq must ascend.
    pub fn add(&mut self, entry: &Entry) {
        let header = &entry.header;
        assert!(self.nodes.last().is_none_or(|last| last.seq < header.seq), "entries come in the order of seq");
        if header.kind == Kind::VerdictAttested {
            // A verdict is judged from facts: an earlier verdict is none, and no world holds it.
            return;
        }
        let node = NodeIx(self.nodes.len() as u32);
        if header.kind == Kind::PolicyAdopted {
            self.add_node(entry, AccountIx(u32::MAX), 0..0, Some(0));
            return self.add_version(entry);
        }
        let account = self.account_of(entry);
        let moment = Moment { at: header.occurred_at.at, seq: header.seq };
        if self.latest_decision.is_some_and(|latest| moment.at < latest) {
            self.accounts[account.0 as usize].late.push(Late { moment, recorded: header.recorded_at });
        }
        let links = self.add_links(entry);
        let slot = entry.record.as_ref().map(|record| self.add_body(record, node, account, moment));
        self.add_node(entry, account, links, slot);
        match header.kind {
            Kind::DecisionMade => self.latest_decision = self.latest_decision.max(Some(moment.at)),
            Kind::InteractionLabelled => self.add_label(entry, moment, node),
            _ => {}
        }
    }

    /// Puts everything into the order of time; to be called once after the last entry.
    pub fn finish(&mut self) {
        self.accounts.iter_mut().for_each(AccountLine::order);
        let nodes = &self.nodes;
        self.turns.order(|ix| nodes[ix.0 as usize].moment());
        self.labels.order(|label| label.moment);
        for line in &mut self.policies {
            line.versions.sort_by_key(|version| (version.from, version.seq));
        }
    }

    fn add_node(&mut self, entry: &Entry, account: AccountIx, links: Range<u32>, slot: Option<u32>) {
        let header = &entry.header;
        let (at, recorded) = (header.occurred_at, header.recorded_at);
        self.nodes.push(Node { seq: header.seq, at, recorded, account, kind: header.kind, slot, links });
        let (source, id) = entry.record.as_ref().map_or(("", ""), |record| (&record.id.source, &record.id.id));
        self.sources.push(self.symbols.intern(source));
        self.ids.push(id);
    }

    fn account_of(&mut self, entry: &Entry) -> AccountIx {
        let stream = entry.header.streams[0].stream;
        let next = AccountIx(self.accounts.len() as u32);
        let ix = *self.by_stream.entry(stream).or_insert(next);
        if ix == next {
            self.accounts.push(AccountLine::new(stream));
        }
        let line = &mut self.accounts[ix.0 as usize];
        if let (None, Some(record)) = (line.app, entry.record.as_ref().filter(|record| !record.subject.is_empty())) {
            line.app = Some(self.symbols.intern(crate::fact::app_of(&record.subject)));
            line.subject = Some(record.subject.as_str().into());
        }
        ix
    }

    fn add_links(&mut self, entry: &Entry) -> Range<u32> {
        let start = self.links.len() as u32;
        let references = entry.record.as_ref().map(|record| record.body.references()).unwrap_or_default();
        for (number, link) in entry.header.links.iter().enumerate() {
            let node = match link {
                Link::Resolved { seq, .. } => self.locate(*seq),
                Link::Unresolved { .. } => None,
            };
            let target = node.map_or_else(
                || LinkTo::Unresolved(references.get(number).map(|&reference| self.add_unresolved(reference.clone()))),
                LinkTo::Node,
            );
            self.links.push(target);
        }
        start..self.links.len() as u32
    }

    fn add_unresolved(&mut self, reference: Reference) -> u32 {
        self.unresolved.push(reference);
        self.unresolved.len() as u32 - 1
    }

    /// Files a body where the judge looks for it; returns its slot in the table of its kind.
    fn add_body(&mut self, record: &Record, node: NodeIx, account: AccountIx, moment: Moment) -> u32 {
        let what = match &record.body {
            Body::InteractionRecorded(body) => return self.add_interaction(body, node),
            Body::SignalDerived(body) => return self.add_signal(body),
            Body::DecisionMade(body) => return self.add_decision(body),
            Body::AccountLinked { center } => What::Linked(self.center(center, account)),
            Body::AccountUnlinked { center } => What::Unlinked(self.center(center, account)),
            Body::PreferenceChanged(body) => What::Preference(body.control, self.symbols.intern(&body.value)),
            Body::ConsentRecorded(body) => What::Consent(self.symbols.intern(&body.purpose), body.state),
            Body::AgeObserved(band) => What::Age(*band),
            Body::ControlRequested { control } if is_ai_opt_out(control) => What::OptOut,
            Body::NoticeRecorded(body) => What::Notice {
                policy: self.symbols.intern(&body.policy),
                channel: body.channel,
                status: body.status,
                sha256: body.content_sha256.map(|digest| self.symbols.intern(&digest.to_string())),
            },
            Body::SubjectErased(scope) => What::Erased(*scope),
            _ => return 0,
        };
        self.accounts[account.0 as usize].add(Event { moment, what });
        0
    }

    fn center(&mut self, center: &str, account: AccountIx) -> CenterIx {
        let sym = self.symbols.intern(center);
        let next = CenterIx(self.centers.len() as u32);
        let ix = *self.by_center.entry(sym).or_insert(next);
        if ix == next {
            self.centers.push(Vec::new());
        }
        let members = &mut self.centers[ix.0 as usize];
        if let Err(place) = members.binary_search(&account) {
            members.insert(place, account);
        }
        ix
    }

    fn add_interaction(&mut self, body: &InteractionRecorded, node: NodeIx) -> u32 {
        let conversation = self.symbols.intern(&body.conversation);
        self.turns.add(conversation, node);
        let (region, device_region) = (self.region(body.region), self.region(body.device_region));
        let (agent, modality, microphone) = (body.agent, body.modality, body.microphone);
        self.interactions.push(Interaction { agent, modality, conversation, region, device_region, microphone });
        self.interactions.len() as u32 - 1
    }

    fn add_signal(&mut self, body: &SignalDerived) -> u32 {
        let conversations = body.sources.iter().filter_map(|source| match source {
            Source::Conversation(id) => Some(self.symbols.intern(id)),
            Source::Fact(_) => None,
        });
        let conversations = conversations.collect();
        self.signals.push(Signal { topic: self.symbols.intern(&body.topic), sensitive: body.sensitive, conversations });
        self.signals.len() as u32 - 1
    }

    fn add_decision(&mut self, body: &DecisionMade) -> u32 {
        let (region, device_region) = (self.region(body.region), self.region(body.device_region));
        let symbols = &mut self.symbols;
        let mut optional = |text: &Option<String>| text.as_ref().map(|text| symbols.intern(text));
        let (advertiser, campaign, creative) =
            (optional(&body.item.advertiser), optional(&body.item.campaign), optional(&body.item.creative));
        self.decisions.push(Decision {
            purpose: body.purpose,
            outcome: body.outcome,
            item_kind: body.item.kind,
            advertiser,
            campaign,
            creative,
            topics: body.item.topics.iter().map(|topic| symbols.intern(topic)).collect(),
            region,
            device_region,
            cited: body.policy.as_ref().map(|cited| (symbols.intern(&cited.id), symbols.intern(&cited.version))),
        });
        self.decisions.len() as u32 - 1
    }

    fn region(&mut self, region: Option<Region>) -> Option<Sym> {
        region.map(|region| self.symbols.intern(region.as_str()))
    }

    fn add_label(&mut self, entry: &Entry, moment: Moment, node: NodeIx) {
        let Some(&LinkTo::Node(target)) = self.links(node).first() else { return };
        let sensitive = match entry.record.as_ref().map(|record| &record.body) {
            Some(Body::InteractionLabelled(body)) => Some(body.sensitive),
            _ => None,
        };
        self.labels.add(target, Label { moment, sensitive });
    }

    fn add_version(&mut self, entry: &Entry) {
        let Some(Record { subject, body: Body::PolicyAdopted(body), .. }) = &entry.record else { return };
        let id = self.symbols.intern(subject);
        let number = self.policies.iter().map(|line| line.versions.len()).sum();
        let version = Version {
            name: self.symbols.intern(&body.version),
            seq: entry.header.seq,
            recorded: entry.header.recorded_at,
            from: body.in_force_from.at,
            until: body.in_force_until.map(|time| time.at),
            role: body.role,
            compiled: Compiled::new(subject, body, &mut self.symbols),
            number,
            adopted: body.clone(),
        };
        match self.policies.iter_mut().find(|line| line.id == id) {
            Some(line) => line.versions.push(version),
            None => self.policies.push(PolicyLine { id, versions: vec![version] }),
        }
    }
}

/// Controls such as `ai_ads_opt_out`: an opt-out of the use of AI interactions, by whatever name it was asked for.
fn is_ai_opt_out(control: &str) -> bool {
    control.starts_with("ai_") && control.ends_with("opt_out")
}

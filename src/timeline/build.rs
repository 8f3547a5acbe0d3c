//! Entries into a world.

use super::*;
use crate::codec::{Link, Record};
use crate::entry::Entry;
use crate::policy::Compiled;

impl World {
    /// Of these entries, ascending in seq.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> World {
        let mut world = World::default();
        entries.into_iter().for_each(|entry| world.add(entry));
        world.finish();
        world
    }

    /// Takes the next entry; seq must ascend.
    pub fn add(&mut self, entry: &Entry) {
        let header = &entry.header;
        let stub = Stub {
            seq: header.seq,
            kind: header.kind,
            at: header.occurred_at,
            recorded: header.recorded_at,
            stream: header.streams[0].stream,
        };
        let cited = header.links.iter().map(|link| match link {
            Link::Resolved { seq, .. } => Some(*seq),
            Link::Unresolved { .. } => None,
        });
        self.take(stub, &cited.collect::<Vec<_>>(), entry.record.as_ref());
    }

    /// The same by what a world takes of an entry: the seqs that it cites, `None` for what was never resolved, and its record,
    /// which may stand where it was read.
    pub fn take<S: AsRef<str>>(&mut self, stub: Stub, cited: &[Option<u64>], record: Option<&Record<S>>) {
        assert!(self.nodes.last().is_none_or(|last| last.seq < stub.seq), "entries come in the order of seq");
        if stub.kind == Kind::VerdictAttested {
            // A verdict is judged from facts: an earlier verdict is none, and no world holds it.
            return;
        }
        let node = NodeIx(self.nodes.len() as u32);
        if stub.kind == Kind::PolicyAdopted {
            self.add_node(stub, record, AccountIx(u32::MAX), 0..0, Some(0));
            return self.add_version(stub, record);
        }
        let account = self.account_of(stub.stream, record);
        let moment = Moment { at: stub.at.at, seq: stub.seq };
        if self.latest_decision.is_some_and(|latest| moment.at < latest) {
            self.accounts[account.0 as usize].add_late(moment, stub.recorded);
        }
        let links = self.add_links(cited, record);
        let slot = record.map(|record| self.add_body(record, node, account, moment));
        self.add_node(stub, record, account, links, slot);
        match stub.kind {
            Kind::DecisionMade => self.latest_decision = self.latest_decision.max(Some(moment.at)),
            Kind::InteractionLabelled => self.add_label(record, moment, node),
            _ => {}
        }
    }

    /// Puts everything into the order of time; to be called once after the last entry.
    pub fn finish(&mut self) {
        self.accounts.iter_mut().for_each(AccountLine::order);
        let nodes = &self.nodes;
        self.turns.order(|ix| nodes[ix.0 as usize].moment());
        self.labels.order(|label| label.moment);
        self.label_starts = self.labels.starts(self.nodes.len(), |node| node.0 as usize);
        for line in &mut self.policies {
            line.versions.sort_by_key(|version| (version.from, version.seq));
        }
    }

    fn add_node<S: AsRef<str>>(
        &mut self,
        stub: Stub,
        record: Option<&Record<S>>,
        account: AccountIx,
        links: Range<u32>,
        slot: Option<u32>,
    ) {
        let Stub { seq, kind, at, recorded, .. } = stub;
        self.nodes.push(Node { seq, at, recorded, account, kind, slot, links });
        let (source, id) = record.map_or(("", ""), |record| (record.id.source.as_ref(), record.id.id.as_ref()));
        self.sources.push(self.symbols.intern(source));
        self.ids.push(id);
    }

    fn account_of<S: AsRef<str>>(&mut self, stream: crate::codec::StreamId, record: Option<&Record<S>>) -> AccountIx {
        let next = AccountIx(self.accounts.len() as u32);
        let ix = *self.by_stream.entry(stream).or_insert(next);
        if ix == next {
            self.accounts.push(AccountLine::new(stream));
        }
        let line = &mut self.accounts[ix.0 as usize];
        let subject = record.map(|record| record.subject.as_ref()).filter(|subject| !subject.is_empty());
        if let (None, Some(subject)) = (line.app, subject) {
            line.app = Some(self.symbols.intern(crate::fact::app_of(subject)));
            line.subject = Some(subject.into());
        }
        ix
    }

    fn add_links<S: AsRef<str>>(&mut self, cited: &[Option<u64>], record: Option<&Record<S>>) -> Range<u32> {
        let start = self.links.len() as u32;
        for (number, seq) in cited.iter().enumerate() {
            let target = match seq.and_then(|seq| self.locate(seq)) {
                Some(node) => LinkTo::Node(node),
                None => {
                    let references = record.map(|record| record.body.references()).unwrap_or_default();
                    LinkTo::Unresolved(references.get(number).map(|&reference| self.add_unresolved(reference)))
                }
            };
            self.links.push(target);
        }
        start..self.links.len() as u32
    }

    fn add_unresolved<S: AsRef<str>>(&mut self, reference: &Reference<S>) -> u32 {
        let FactId { source, id } = reference;
        self.unresolved.push(FactId { source: source.as_ref().to_owned(), id: id.as_ref().to_owned() });
        self.unresolved.len() as u32 - 1
    }

    /// Files a body where the judge looks for it; returns its slot in the table of its kind.
    fn add_body<S: AsRef<str>>(&mut self, record: &Record<S>, node: NodeIx, account: AccountIx, moment: Moment) -> u32 {
        let what = match &record.body {
            Body::InteractionRecorded(body) => return self.add_interaction(body, node),
            Body::SignalDerived(body) => return self.add_signal(body),
            Body::DecisionMade(body) => return self.add_decision(body),
            Body::AccountLinked { center } => What::Linked(self.center(center.as_ref(), account)),
            Body::AccountUnlinked { center } => What::Unlinked(self.center(center.as_ref(), account)),
            Body::PreferenceChanged(body) => What::Preference(body.control, self.symbols.intern(body.value.as_ref())),
            Body::ConsentRecorded(body) => What::Consent(self.symbols.intern(body.purpose.as_ref()), body.state),
            Body::AgeObserved(band) => What::Age(*band),
            Body::ControlRequested { control } if is_ai_opt_out(control.as_ref()) => What::OptOut,
            Body::NoticeRecorded(body) => What::Notice {
                policy: self.symbols.intern(body.policy.as_ref()),
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

    fn add_interaction<S: AsRef<str>>(&mut self, body: &InteractionRecorded<S>, node: NodeIx) -> u32 {
        let conversation = self.symbols.intern(body.conversation.as_ref());
        self.turns.add(conversation, node);
        let (region, device_region) = (self.region(body.region), self.region(body.device_region));
        let (agent, modality, microphone) = (body.agent, body.modality, body.microphone);
        self.interactions.push(Interaction { agent, modality, conversation, region, device_region, microphone });
        self.interactions.len() as u32 - 1
    }

    fn add_signal<S: AsRef<str>>(&mut self, body: &SignalDerived<S>) -> u32 {
        let conversations = body.sources.iter().filter_map(|source| match source {
            Source::Conversation(id) => Some(self.symbols.intern(id.as_ref())),
            Source::Fact(_) => None,
        });
        let conversations = conversations.collect();
        let topic = self.symbols.intern(body.topic.as_ref());
        self.signals.push(Signal { topic, sensitive: body.sensitive, conversations });
        self.signals.len() as u32 - 1
    }

    fn add_decision<S: AsRef<str>>(&mut self, body: &DecisionMade<S>) -> u32 {
        let (region, device_region) = (self.region(body.region), self.region(body.device_region));
        let symbols = &mut self.symbols;
        let mut optional = |text: &Option<S>| text.as_ref().map(|text| symbols.intern(text.as_ref()));
        let (advertiser, campaign, creative) =
            (optional(&body.item.advertiser), optional(&body.item.campaign), optional(&body.item.creative));
        self.decisions.push(Decision {
            purpose: body.purpose,
            outcome: body.outcome,
            item_kind: body.item.kind,
            advertiser,
            campaign,
            creative,
            topics: body.item.topics.iter().map(|topic| symbols.intern(topic.as_ref())).collect(),
            region,
            device_region,
            cited: body
                .policy
                .as_ref()
                .map(|cited| (symbols.intern(cited.id.as_ref()), symbols.intern(cited.version.as_ref()))),
        });
        self.decisions.len() as u32 - 1
    }

    fn region(&mut self, region: Option<Region>) -> Option<Sym> {
        region.map(|region| self.symbols.intern(region.as_str()))
    }

    fn add_label<S>(&mut self, record: Option<&Record<S>>, moment: Moment, node: NodeIx) {
        let Some(&LinkTo::Node(target)) = self.links(node).first() else { return };
        let sensitive = match record.map(|record| &record.body) {
            Some(Body::InteractionLabelled(body)) => Some(body.sensitive),
            _ => None,
        };
        self.labels.add(target, Label { moment, sensitive });
    }

    fn add_version<S: AsRef<str>>(&mut self, stub: Stub, record: Option<&Record<S>>) {
        let Some(Record { subject, body: Body::PolicyAdopted(body), .. }) = record else { return };
        let subject = subject.as_ref();
        let id = self.symbols.intern(subject);
        let number = self.policies.iter().map(|line| line.versions.len()).sum();
        let version = Version {
            name: self.symbols.intern(&body.version),
            seq: stub.seq,
            recorded: stub.recorded,
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

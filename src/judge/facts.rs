//! The facts about a decision, a person and a use, as one version sees them (contract, end of section 4).

use crate::fact::*;
use crate::lineage::Use;
use crate::policy::{DecisionFacts, NoticeFacts, Params, PersonFacts, UseFacts};
use crate::symbols::{Sym, Symbols};
use crate::timeline::{AccountIx, Decision, Event, NodeIx, View, What, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The decision's own facts.
pub fn of_decision(world: &World, node: NodeIx, decision: &Decision, app: Sym, params: &Params) -> DecisionFacts {
    let at = world.node(node).at.at;
    let regions = regions(decision.region, decision.device_region, params);
    DecisionFacts {
        app,
        purpose: decision.purpose,
        at,
        before_region_start: before_region_start(&world.symbols, &regions, at, params),
        regions,
        item_kind: decision.item_kind,
        advertiser: decision.advertiser,
        campaign: decision.campaign,
        creative: decision.creative,
        item_topics: decision.topics.to_vec(),
    }
}

/// The state of the group at the decision: each account folded for itself, then taken together.
pub fn of_person(world: &World, group: &[AccountIx], decision: &Decision, view: View) -> PersonFacts {
    let mut person = PersonFacts {
        limited_topics: Vec::new(),
        see_less_topics: Vec::new(),
        advertiser_blocked: false,
        gpc: false,
        age: AgeBand::Unknown,
        opt_out_requested: false,
        consents: Vec::new(),
    };
    let mut consents: BTreeMap<Sym, (Moment, ConsentState)> = BTreeMap::new();
    for &account in group {
        let mut age = AgeBand::Unknown;
        let mut own: BTreeMap<(Control, Sym), ()> = BTreeMap::new();
        for Event { moment, what } in world.account(account).seen(view, view.decision) {
            match *what {
                What::Preference(control, value) => prefer(&mut own, control, value, &world.symbols),
                What::Consent(purpose, state) => {
                    let latest = consents.entry(purpose).or_insert((*moment, state));
                    if *moment >= latest.0 {
                        *latest = (*moment, state);
                    }
                }
                What::Age(band) => age = band,
                What::OptOut => person.opt_out_requested = true,
                _ => {}
            }
        }
        for &(control, value) in own.keys() {
            match control {
                Control::TopicLimit => person.limited_topics.push(value),
                Control::FeedSeeLess => person.see_less_topics.push(value),
                Control::AdvertiserBlock => person.advertiser_blocked |= decision.advertiser == Some(value),
                _ => person.gpc = true,
            }
        }
        // One known minor makes a minor; one known adult makes an adult of an unknown.
        person.age = match (person.age, age) {
            (AgeBand::Minor, _) | (_, AgeBand::Minor) => AgeBand::Minor,
            (AgeBand::Adult, _) | (_, AgeBand::Adult) => AgeBand::Adult,
            _ => AgeBand::Unknown,
        };
    }
    let given = consents.into_iter().filter(|(_, (_, state))| *state == ConsentState::Given);
    person.consents = given.map(|(purpose, _)| purpose).collect();
    person
}

/// Applies one preference to what an account has set, under the control that sets it.
fn prefer(own: &mut BTreeMap<(Control, Sym), ()>, control: Control, value: Sym, symbols: &Symbols) {
    let set = match control {
        Control::TopicUnlimit => Control::TopicLimit,
        Control::AdvertiserUnblock => Control::AdvertiserBlock,
        Control::FeedReset => Control::FeedSeeLess,
        Control::Gpc => {
            own.retain(|(other, _), ()| *other != Control::Gpc);
            if symbols.name(value) == "on" {
                own.insert((Control::Gpc, value), ());
            }
            return;
        }
        setting => {
            own.insert((setting, value), ());
            return;
        }
    };
    own.remove(&(set, value));
}

/// The accounts whose notices count for a use: its own, and those in the same center at the use.
pub fn noticed(world: &World, node: NodeIx, view: View) -> Vec<AccountIx> {
    let used = world.node(node);
    world.group_at(used.account, view, used.moment())
}

/// The notices for `policy` that count for a use.
pub fn of_notices(world: &World, node: NodeIx, policy: Sym, view: View) -> NoticeFacts {
    of_notices_on(world, &noticed(world, node, view), node, policy, view)
}

/// The same where the accounts are known.
pub fn of_notices_on(world: &World, accounts: &[AccountIx], node: NodeIx, policy: Sym, view: View) -> NoticeFacts {
    let used = world.node(node);
    let mut facts = NoticeFacts::default();
    let mut delivered_channels = 0u8;
    for &account in accounts {
        for Event { moment, what } in world.account(account).seen(view, used.moment()) {
            let What::Notice { policy: about, channel, status, sha256 } = *what else { continue };
            if about != policy || status == NoticeStatus::Queued {
                continue;
            }
            let bit = 1 << channel as u8;
            facts.undelivered_channels |= bit;
            if status.reached() {
                delivered_channels |= bit;
                facts.last_delivered_at = facts.last_delivered_at.max(Some(moment.at));
                facts.sha256.extend(sha256);
            }
        }
    }
    facts.undelivered_channels &= !delivered_channels;
    facts
}

/// One use, and the topics on the ways to it. The interaction's body must still be readable.
pub fn of_use(
    world: &World,
    (used, topics): (&Use, &Arc<[Sym]>),
    decision: NodeIx,
    app: Sym,
    notice: NoticeFacts,
    params: &Params,
    view: View,
) -> UseFacts {
    let (node, account) = (world.node(used.node), world.node(decision).account);
    let body = world.interaction(used.node).expect("a use whose body is gone is not put to a policy");
    let (labelled, label) = label(world, used.node, params, view);
    let regions = regions(body.region, body.device_region, params);
    let use_from = if params.subject_local { params.use_from.read_in_offset_of(node.at) } else { params.use_from.at };
    let reach = &used.reach;
    let only_if = |reached: bool, labels: Categories| if reached { label.union(labels) } else { Categories::default() };
    UseFacts {
        app: world.account(node.account).app.unwrap_or(app),
        own: node.account == account,
        linked_at_use: world.linked_at(account, node.account, view, node.moment()),
        linked_at_decision: world.linked_within(account, node.account, view, params.unlink_grace_days),
        agent: body.agent,
        modality: body.modality,
        at: node.at.at,
        use_from,
        before_region_start: before_region_start(&world.symbols, &regions, node.at.at, params),
        regions,
        labelled,
        sensitive: only_if(reach.straight || reach.direct, reach.direct_labels),
        inherited: only_if(reach.through, reach.through_labels),
        topics: topics.clone(),
        microphone: body.microphone,
        notice,
        erased: erased_between(world, used.node, view),
    }
}

/// True if the use's account was erased after the use and before the decision.
pub fn erased_between(world: &World, used: NodeIx, view: View) -> bool {
    let node = world.node(used);
    world.account(node.account).erasures().any(|(moment, _)| moment > node.moment() && view.sees(moment))
}

/// Whether the use counts as labelled, and with what: its own label, or those of its whole conversation up to the decision.
fn label(world: &World, used: NodeIx, params: &Params, view: View) -> (bool, Categories) {
    let own = world.label(used, view);
    let mut result = (own.is_some(), own.unwrap_or_default());
    if let (true, Some(body)) = (params.by_conversation, world.interaction(used)) {
        let turns = world.turns(body.conversation).iter().filter(|&&turn| view.sees(world.node(turn).moment()));
        for &turn in turns {
            let label = world.label(turn, view);
            result = (result.0 && label.is_some(), result.1.union(label.unwrap_or_default()));
        }
    }
    result
}

/// The regions that count: both, or under `region_basis` `account` only the first.
fn regions(region: Option<Sym>, device_region: Option<Sym>, params: &Params) -> Vec<Sym> {
    let device = device_region.filter(|_| params.stricter_region);
    let mut regions: Vec<Sym> = region.into_iter().chain(device).collect();
    regions.dedup();
    regions
}

fn before_region_start(symbols: &Symbols, regions: &[Sym], at: Instant, params: &Params) -> bool {
    !params.region_use_from.is_empty()
        && regions.iter().any(|&region| {
            let name = symbols.name(region);
            params.region_use_from.iter().any(|(region, &start)| region.as_str() == name && at < start)
        })
}

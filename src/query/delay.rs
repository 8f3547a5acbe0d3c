//! For how long a person's own choice had been ignored when a decision broke it.

use super::row::{Row, RuleRow};
use crate::fact::{Control, Moment};
use crate::timeline::{AccountIx, NodeIx, View, What, World};

/// Seconds from the choice that `rule` is about to the decision of `row`; `None` for rules that are about none, and where
/// the choice is not in the view.
///
/// A limit or a block counts from when it was set and not lifted since, on whichever account of the group was first. An
/// unlink counts from when the two accounts were last in one center.
pub fn delay_s(world: &World, row: &Row, rule: &RuleRow, known: bool) -> Option<i64> {
    let decision = world.node(row.node).moment();
    let view = View { decision, known };
    let since = match rule.id {
        "topic-limited" => chosen(world, row.node, view, Control::TopicLimit, Control::TopicUnlimit),
        "feed-limited" => chosen(world, row.node, view, Control::FeedSeeLess, Control::FeedReset),
        "advertiser-blocked" => chosen(world, row.node, view, Control::AdvertiserBlock, Control::AdvertiserUnblock),
        "unlinked-before-decision" => unlinked(world, row.node, world.locate(rule.used?)?, view),
        _ => None,
    }?;
    Some(decision.at.seconds_since(since.at))
}

/// The first moment from which a choice about the decision's topics or advertiser held until the decision.
fn chosen(world: &World, decision: NodeIx, view: View, set: Control, unset: Control) -> Option<Moment> {
    let body = world.decision(decision)?;
    let group = world.group_at(world.node(decision).account, view, view.decision);
    let values = match set {
        Control::AdvertiserBlock => body.advertiser.as_slice(),
        _ => &body.topics[..],
    };
    let held = |account: AccountIx, value| {
        let mut since = None;
        for event in world.account(account).seen(view, view.decision) {
            match event.what {
                What::Preference(control, of) if of == value && control == set => {
                    since = since.or(Some(event.moment));
                }
                What::Preference(control, of) if of == value && control == unset => since = None,
                _ => {}
            }
        }
        since
    };
    group.iter().flat_map(|&account| values.iter().filter_map(move |&value| held(account, value))).min()
}

/// The last moment before the decision at which the accounts of the decision and of the use ceased to be linked.
fn unlinked(world: &World, decision: NodeIx, used: NodeIx, view: View) -> Option<Moment> {
    let (own, other) = (world.node(decision).account, world.node(used).account);
    let events = |account| world.account(account).seen(view, view.decision).filter(|event| event.what.is_link());
    let mut moments: Vec<Moment> = events(own).chain(events(other)).map(|event| event.moment).collect();
    moments.sort_unstable();
    let behind = |moment: Moment| Moment { seq: moment.seq + 1, ..moment };
    let ended = |&&moment: &&Moment| {
        world.linked_at(own, other, view, moment) && !world.linked_at(own, other, view, behind(moment))
    };
    moments.iter().rev().find(ended).copied()
}

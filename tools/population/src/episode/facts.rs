//! The facts of one decision, in the order in which they happened.

use super::plan::{Microphone, Plan, Rests};
use crate::breach::Breach;
use crate::person::Person;
use crate::wire::{DIGEST, Lines, Minute};
use std::fmt::{Display, Formatter};
use std::io::{self, Write};

/// An account as a subject.
struct Subject<'a>(&'a Person, usize);

impl Display for Subject<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/u{}", self.0.app(self.1), self.0.number)
    }
}

/// A member of an object with a string as its value, where there is one.
struct Member(&'static str, Option<&'static str>);

impl Display for Member {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.1.map_or(Ok(()), |value| write!(f, r#","{}":"{value}""#, self.0))
    }
}

/// A list of at most one string.
struct Few(Option<&'static str>);

impl Display for Few {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(value) => write!(f, r#"["{value}"]"#),
            None => f.write_str("[]"),
        }
    }
}

/// Modality and what is recorded of the microphone.
struct Said(Option<Microphone>);

impl Display for Said {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Some(evidence) = self.0 else { return f.write_str(r#""modality":"text""#) };
        f.write_str(r#""modality":"voice","microphone":{"#)?;
        let mut comma = "";
        for (name, value) in ["permission", "feature_active", "indicator"].iter().zip(evidence) {
            if let Some(value) = value {
                write!(f, r#"{comma}"{name}":{value}"#)?;
                comma = ",";
            }
        }
        f.write_str("}")
    }
}

/// Writes all of them.
pub fn write<W: Write>(plan: &Plan, lines: &mut Lines<W>) -> io::Result<()> {
    let chatter = Subject(&plan.chatter.0, plan.chatter.1);
    let begin = plan.begin;
    if plan.breach == Some(Breach::LinkedAfterCollection) {
        link(plan, lines, "a", begin, false)?;
    }
    if plan.makes_signal() {
        chat(plan, lines, &chatter)?;
        signal(plan, lines)?;
    }
    match plan.breach {
        Some(Breach::UnlinkedBeforeDecision) => link(plan, lines, "b", begin.after(30), false)?,
        Some(Breach::LinkedAfterCollection) => link(plan, lines, "b", begin.after(30), true)?,
        Some(Breach::ErasedSource) => {
            let id = format_args!("e{}", plan.number);
            let data = format_args!(r#"{{"scope":"content"}}"#);
            lines.fact("subject.erased", ("//erasures", id), format_args!("{chatter}"), begin.after(30), data)?;
        }
        _ => {}
    }
    decision(plan, lines)?;
    match plan.breach {
        Some(Breach::UnlinkedBeforeDecision) => link(plan, lines, "c", begin.after(62), true),
        Some(Breach::LateFact) => {
            limit(plan, lines, "ads.topic.limit", begin.after(40))?;
            limit(plan, lines, "ads.topic.unlimit", begin.after(62))
        }
        _ => Ok(()),
    }
}

/// Takes the chat's account out of its center, or into it.
fn link<W: Write>(plan: &Plan, lines: &mut Lines<W>, id: &str, time: Minute, links: bool) -> io::Result<()> {
    let kind = if links { "account.linked" } else { "account.unlinked" };
    let subject = Subject(&plan.chatter.0, plan.chatter.1);
    let data = format_args!(r#"{{"center":"c{}"}}"#, plan.person.number);
    lines.fact(kind, ("//accounts", format_args!("k{}{id}", plan.number)), format_args!("{subject}"), time, data)
}

/// Limits the item's topic, or ends that; by then the decision is recorded.
fn limit<W: Write>(plan: &Plan, lines: &mut Lines<W>, control: &str, time: Minute) -> io::Result<()> {
    let id = format_args!("{control}-{}", plan.number);
    let subject = Subject(&plan.person, 0);
    let data = format_args!(r#"{{"control":"{control}","value":"{}"}}"#, plan.item_topic);
    lines.fact("preference.changed", ("//choices", id), format_args!("{subject}"), time, data)
}

/// The chat, each turn with its label.
fn chat<W: Write>(plan: &Plan, lines: &mut Lines<W>, subject: &Subject) -> io::Result<()> {
    let n = plan.number;
    let turns: &[&str] = if plan.rests == Rests::Turns { &["", "b"] } else { &[""] };
    for (turn, suffix) in turns.iter().enumerate() {
        let context = if turn > 0 { format!(r#","context":["i{n}"]"#) } else { String::new() };
        let data = format_args!(
            r#"{{"agent":"{}","conversation":"t{n}","turn":{turn},{}{}{}{context}}}"#,
            plan.agent,
            Said(plan.microphone),
            Member("region", plan.chat_region),
            Member("device_region", plan.device_region)
        );
        let (id, time) = (format_args!("i{n}{suffix}"), plan.chat_at.after(turn as u32 * 2));
        lines.fact("interaction.recorded", ("//chat", id), format_args!("{subject}"), time, data)?;
        if !plan.is_labelled {
            continue;
        }
        let data = format_args!(
            r#"{{"target":{{"source":"//chat","id":"i{n}{suffix}"}},"sensitive":{},"topics":["{}"],"labeller":{{"name":"c","version":"1","digest":"{DIGEST}"}}}}"#,
            Few(plan.sensitive),
            plan.signal_topic
        );
        let id = format_args!("l{n}{suffix}");
        lines.fact("interaction.labelled", ("//labels", id), format_args!("{subject}"), time.after(1), data)?;
    }
    Ok(())
}

/// The signal that the decision cites, and the one before it.
fn signal<W: Write>(plan: &Plan, lines: &mut Lines<W>) -> io::Result<()> {
    let n = plan.number;
    let subject = Subject(&plan.person, plan.decider);
    let time = plan.chat_at.after(10);
    let chat = |suffix: &str| format!(r#"{{"source":"//chat","id":"i{n}{suffix}"}}"#);
    let sources = match plan.rests {
        Rests::Turns => chat("b"),
        Rests::Activity => {
            let data = format_args!(r#"{{"activity":"page_like","topics":["{}"]}}"#, plan.signal_topic);
            let id = format_args!("v{n}");
            lines.fact("activity.recorded", ("//activity", id), format_args!("{subject}"), time, data)?;
            format!(r#"{},{{"source":"//activity","id":"v{n}"}}"#, chat(""))
        }
        Rests::Gap => format!("{},{}", chat(""), chat("gone")),
        Rests::Conversation => format!(r#"{{"conversation":"t{n}"}}"#),
        _ => chat(""),
    };
    let mut write = |id: &str, sources: &str, sensitive, time| {
        let data = format_args!(
            r#"{{"topic":"{}","sensitive":{},"sources":[{sources}],"deriver":{{"name":"m","version":"1","digest":"{DIGEST}"}}}}"#,
            plan.signal_topic,
            Few(sensitive)
        );
        lines.fact("signal.derived", ("//signals", format_args!("{id}")), format_args!("{subject}"), time, data)
    };
    if plan.rests != Rests::Chain {
        return write(&format!("s{n}"), &sources, plan.own_sensitive, time);
    }
    write(&format!("s{n}a"), &sources, plan.own_sensitive, time)?;
    write(&format!("s{n}"), &format!(r#""s{n}a""#), None, time.after(1))
}

fn decision<W: Write>(plan: &Plan, lines: &mut Lines<W>) -> io::Result<()> {
    let n = plan.number;
    let subject = Subject(&plan.person, plan.decider);
    let signals = match plan.rests {
        Rests::Nothing => String::new(),
        Rests::Earlier(earlier) => format!(r#"{{"source":"//signals","id":"s{earlier}"}}"#),
        _ => format!(r#"{{"source":"//signals","id":"s{n}"}}"#),
    };
    let topics = match plan.more_topic {
        Some(more) => format!(r#""{}","{more}""#, plan.item_topic),
        None => format!(r#""{}""#, plan.item_topic),
    };
    let advertiser = plan.advertiser;
    let item = match (plan.is_ad, n % 8) {
        (true, 0) => format!(
            r#""kind":"sponsored_result","advertiser":"a{advertiser}.example","campaign":"a{advertiser}-{}","creative":"v{}""#,
            n % 5,
            n % 97
        ),
        (true, _) => format!(r#""kind":"ad","advertiser":"a{advertiser}.example""#),
        (false, kind) => format!(r#""kind":"{}""#, ["post", "reel", "group"][(kind % 3) as usize]),
    };
    let purpose = if plan.is_ad { "ads" } else { "content" };
    let cited = plan.cited.map_or(String::new(), |version| {
        format!(r#","policy":{{"id":"meta-ai-personalization","version":"{version}"}}"#)
    });
    let outcome = if plan.is_served { "served" } else { "suppressed" };
    let data = format_args!(
        r#"{{"purpose":"{purpose}","item":{{{item},"topics":[{topics}]}}{},"signals":[{signals}]{cited},"outcome":"{outcome}"}}"#,
        Member("region", plan.region)
    );
    lines.fact("decision.made", ("//ads", format_args!("d{n}")), format_args!("{subject}"), plan.decided_at, data)
}

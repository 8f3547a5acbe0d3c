//! Random logs for holding the judge against the oracle: the same seed gives the same events.
//!
//! Few accounts, centers, conversations and topics, and times crowded around few instants, so that ties, late facts
//! and boundaries are common. Most of what happens is lawful: each log has a few kinds of trouble that come often
//! (its "heats") and the others seldom, so that one rule alone decides many verdicts. Every event is valid, and
//! nothing but a duplicate is refused; `recordedtime` never goes backwards.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, FixedOffset, SecondsFormat};
use serde_json::{Map, Value, json};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The instants that everything crowds around: the defaults of the pack, 14 hours off them, and whole days apart.
const BEFORE: [&str; 5] = [
    "2025-10-01T09:00:00Z",
    "2025-10-06T23:59:59Z",
    "2025-10-07T00:00:00Z",
    "2025-10-09T10:00:00Z",
    "2025-12-01T00:00:00Z",
];
const DURING: [&str; 12] = [
    "2025-12-15T10:00:00Z",
    "2025-12-15T23:59:59Z",
    "2025-12-16T00:00:00Z",
    "2025-12-16T14:00:00Z",
    "2025-12-17T09:00:00Z",
    "2025-12-18T00:00:00Z",
    "2025-12-18T09:00:00Z",
    "2025-12-19T09:00:00Z",
    "2025-12-20T09:00:00Z",
    "2025-12-22T09:00:00Z",
    "2026-01-01T09:00:00Z",
    "2026-01-04T09:00:00Z",
];

const TOPICS: [&str; 6] = ["hiking", "camping", "poker", "alcohol", "modest_fashion", "cycling"];
const CATEGORIES: [&str; 7] = [
    "health",
    "religious_views",
    "political_views",
    "sexual_orientation",
    "racial_or_ethnic_origin",
    "philosophical_beliefs",
    "trade_union_membership",
];
const ADVERTISERS: [&str; 3] = ["trail.example", "rei.example", "dice.example"];
const PLATFORMS: [&str; 2] = ["meta-ai-personalization", "us-annex"];
const OVERLAYS: [&str; 4] = ["overlay-minors", "overlay-eu-consent", "overlay-eea", "overlay-gpc"];
const OFFSETS_MIN: [i32; 7] = [540, -300, 330, 840, -720, 60, -210];

/// Kinds of trouble.
#[derive(Clone, Copy)]
enum Heat {
    Late,
    Clock,
    Region,
    Label,
    Link,
    Notice,
    Voice,
    Agent,
    Lineage,
    Policy,
    Erase,
    Preference,
    Person,
    Relabel,
    Cite,
    Early,
}
const HEATS: usize = 16;

struct Dice(u64);

impl Dice {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// True in `percent` of 100 throws.
    fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

#[derive(Clone)]
struct Made {
    source: &'static str,
    id: String,
    kind: &'static str,
    subject: String,
    time: i64,
    event: usize,
    /// Its account was erased in full since.
    dead: bool,
    /// A signal that cites interactions and activities only: fit to be carried along without going in circles.
    plain: bool,
}

impl Made {
    fn reference(&self) -> Value {
        json!({"source": self.source, "id": self.id})
    }
}

/// What is to come soon after something else.
enum Next {
    Label(usize),
    Signal(usize),
    Notice(String, String),
    /// A signal from that signal alone.
    Nested(usize),
    /// Something that should have been known at that decision.
    Afterthought(usize),
    /// A version of the main policy in force from then.
    Version(i64),
}

struct Version {
    policy: String,
    version: String,
    from: i64,
}

struct Maker {
    dice: Dice,
    heats: [u64; HEATS],
    now: i64,
    /// When the last entry was recorded.
    recorded: i64,
    events: Vec<Value>,
    made: Vec<Made>,
    counts: BTreeMap<&'static str, usize>,
    accounts: Vec<String>,
    centers: BTreeMap<String, &'static str>,
    turns: BTreeMap<String, usize>,
    versions: Vec<Version>,
    overlays: Vec<&'static str>,
    /// Where nearly everything happens.
    home: &'static str,
    todo: VecDeque<Next>,
}

/// `facts` events in recorded order, about every third a decision.
pub fn population(seed: u64, facts: usize) -> Vec<Value> {
    let mut maker = Maker::new(seed);
    maker.setup(facts / 3);
    let first = maker.events.len();
    // Most logs begin when use may begin.
    let during = &DURING[maker.dice.pick(&[0, 2, 2, 4])..];
    while maker.events.len() < facts {
        let done = maker.events.len() - first;
        let at = done * during.len() / (facts - first);
        maker.now = maker.now.max(instant(during[at])).max(maker.recorded);
        if maker.dice.percent(40) {
            maker.now += maker.dice.pick(&[SECOND, SECOND, 500, MINUTE, 5 * MINUTE, HOUR]);
        }
        maker.step(done);
    }
    maker.events
}

fn instant(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
}

fn written(at: i64, offset_min: i32) -> String {
    let offset = FixedOffset::east_opt(offset_min * 60).expect("an offset");
    let time = DateTime::from_timestamp_millis(at).expect("a time in range").with_timezone(&offset);
    let precision = if at % SECOND == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    time.to_rfc3339_opts(precision, true)
}

fn sha(letter: &str) -> String {
    letter.repeat(32)
}

fn robot(name: &str) -> Value {
    json!({"name": name, "version": "1", "digest": sha("d1")})
}

impl Maker {
    fn new(seed: u64) -> Maker {
        let mut dice = Dice(seed ^ 0x0A11_CE5E_ED00);
        let mut heats = [0; HEATS];
        for heat in &mut heats {
            *heat = if dice.percent(25) { 22 } else { 2 };
        }
        let mut accounts: Vec<String> =
            ["facebook/s1", "instagram/s1", "whatsapp/s1"].iter().map(|s| s.to_string()).collect();
        for more in ["facebook/s2", "instagram/s2"] {
            if dice.percent(40) {
                accounts.push(more.to_string());
            }
        }
        let overlays: Vec<&str> = OVERLAYS.into_iter().filter(|_| dice.percent(40)).collect();
        let home = dice.pick(if overlays.contains(&"overlay-eea") { &["US", "BR"] } else { &["US", "BR", "NO"] });
        Maker {
            dice,
            heats,
            now: instant(BEFORE[0]),
            recorded: 0,
            events: Vec::new(),
            made: Vec::new(),
            counts: BTreeMap::new(),
            accounts,
            centers: BTreeMap::new(),
            turns: BTreeMap::new(),
            versions: Vec::new(),
            overlays,
            home,
            todo: VecDeque::new(),
        }
    }

    fn hot(&mut self, heat: Heat) -> bool {
        let percent = self.heats[heat as usize];
        self.dice.percent(percent)
    }

    // -------------------------------------------------------------------------------------------- emitting

    /// Mostly now; else late, on an instant that something else has; or, seldom, ahead of the clock.
    fn when(&mut self) -> i64 {
        if self.hot(Heat::Late) && self.dice.percent(50) {
            return self.past();
        }
        if self.hot(Heat::Clock) && self.dice.percent(60) {
            return self.now + self.dice.pick(&[1, 299, 300, 301, 600]) * SECOND;
        }
        self.now
    }

    fn past(&mut self) -> i64 {
        let at = match self.dice.below(5) {
            0 => instant(self.dice.pick(&BEFORE)),
            1 => instant(self.dice.pick(&DURING)),
            2 if !self.made.is_empty() => self.recent(12).time,
            3 => self.now - self.dice.pick(&[1, 3, 15]) * DAY,
            _ => self.now - self.dice.pick(&[500, SECOND, MINUTE, HOUR, 14 * HOUR]),
        };
        at.min(self.now)
    }

    fn recent(&mut self, span: usize) -> Made {
        let from = self.made.len().saturating_sub(span);
        let at = from + self.dice.below(self.made.len() - from);
        self.made[at].clone()
    }

    fn id(&mut self, source: &'static str) -> String {
        let count = self.counts.entry(source).or_insert(0);
        *count += 1;
        // Short, so that the same id comes up in several sources.
        format!("x{count}")
    }

    fn emit(&mut self, source: &'static str, kind: &'static str, subject: &str, time: i64, data: Value) -> usize {
        let id = self.id(source);
        self.emit_as(source, id, kind, subject, time, data)
    }

    fn emit_as(
        &mut self,
        source: &'static str,
        id: String,
        kind: &'static str,
        subject: &str,
        time: i64,
        data: Value,
    ) -> usize {
        let offset = if self.dice.percent(15) { self.dice.pick(&OFFSETS_MIN) } else { 0 };
        let mut event = json!({
            "specversion": "1.0",
            "id": id,
            "source": source,
            "type": format!("inforce.{kind}"),
            "subject": subject,
            "time": written(time, offset),
            "data": data,
        });
        let stamp = self.now.max(self.recorded);
        // Without the stamp an event counts as recorded when it happened, or at the entry before it.
        let silent = match time.cmp(&stamp) {
            std::cmp::Ordering::Equal => 65,
            std::cmp::Ordering::Less => 35,
            std::cmp::Ordering::Greater => 10,
        };
        if self.dice.percent(silent) {
            self.recorded = self.recorded.max(time);
        } else {
            let offset = if self.dice.percent(5) { self.dice.pick(&OFFSETS_MIN) } else { 0 };
            event["recordedtime"] = json!(written(stamp, offset));
            self.recorded = stamp;
        }
        self.now = self.now.max(self.recorded);
        self.events.push(event);
        self.made.push(Made {
            source,
            id,
            kind,
            subject: subject.to_string(),
            time,
            event: self.events.len() - 1,
            dead: false,
            plain: false,
        });
        self.made.len() - 1
    }

    // -------------------------------------------------------------------------------------------- the story

    /// What is there before anyone chats: policies, links, notices, ages, consents; most of it, in most logs.
    fn setup(&mut self, at_most: usize) {
        self.adopt(PLATFORMS[0]);
        if self.dice.percent(30) {
            self.adopt(PLATFORMS[1]);
        }
        for overlay in self.overlays.clone() {
            self.adopt(overlay);
        }
        // Where policies are the trouble, there are several versions from the start.
        if self.heats[Heat::Policy as usize] > 10 {
            for _ in 0..1 + self.dice.below(3) {
                self.change_policy();
            }
        }
        let accounts = self.accounts.clone();
        for account in &accounts {
            if self.dice.percent(75) && self.events.len() < at_most {
                self.link(account);
            }
        }
        self.now = instant(self.dice.pick(&BEFORE[2..]));
        for account in &accounts {
            for policy in self.platforms() {
                let left_out = self.hot(Heat::Notice);
                if !left_out && self.events.len() < at_most {
                    self.notice(account, &policy);
                }
            }
        }
        self.now = self.now.max(instant(BEFORE[3]));
        for account in &accounts {
            if self.dice.percent(50) && self.events.len() < at_most {
                self.age(account);
            }
            if self.dice.percent(40) && self.events.len() < at_most {
                self.consent(account);
            }
        }
    }

    fn step(&mut self, done: usize) {
        if done % 3 == 2 {
            return self.decision();
        }
        if self.dice.percent(2) {
            return self.duplicate();
        }
        if !self.todo.is_empty() && self.dice.percent(80) {
            return match self.todo.pop_front() {
                Some(Next::Label(at)) => self.label(at),
                Some(Next::Signal(at)) => self.signal(Some(at)),
                Some(Next::Notice(account, policy)) => self.notice(&account, &policy),
                Some(Next::Nested(at)) => self.nested(at),
                Some(Next::Afterthought(at)) => self.afterthought(at),
                Some(Next::Version(from)) => self.adopt_from(PLATFORMS[0], from),
                None => (),
            };
        }
        let account = self.dice.pick(&self.accounts);
        match self.dice.below(100) {
            0..24 => self.interaction(&account),
            24..42 => self.signal(None),
            42..50 if self.hot(Heat::Relabel) || self.dice.percent(30) => self.relabel(),
            50..60 => self.link_or_unlink(&account),
            60..66 => {
                let policy = self.dice.pick(&self.platforms());
                self.notice(&account, &policy);
            }
            66..74 => self.preference(&account),
            74..78 => self.consent(&account),
            78..82 => self.age(&account),
            82..84 if self.hot(Heat::Person) || self.dice.percent(45) => self.request(&account),
            84..86 => self.activity(&account),
            86..87 => self.permission(&account),
            87..93 if self.hot(Heat::Policy) || self.dice.percent(15) => self.change_policy(),
            93..98 if self.hot(Heat::Erase) || self.dice.percent(60) => self.erase(&account),
            _ => self.interaction(&account),
        }
    }

    fn platforms(&self) -> Vec<String> {
        let platforms = PLATFORMS.iter().filter(|p| self.versions.iter().any(|v| v.policy == **p));
        platforms.map(|p| p.to_string()).collect()
    }

    // -------------------------------------------------------------------------------------------- policies

    fn adopt(&mut self, policy: &str) {
        let first = !self.versions.iter().any(|v| v.policy == policy);
        let from = self.in_force_from(first);
        self.adopt_from(policy, from);
    }

    fn adopt_from(&mut self, policy: &str, from: i64) {
        let before = self.versions.iter().filter(|v| v.policy == policy).count();
        let overlay = policy.starts_with("overlay-");
        let pack = if overlay { policy } else { PLATFORMS[0] };
        let version = format!("{}", before + 1);
        let time = self.when();
        let mut data = json!({
            "version": version,
            "in_force_from": written(from, 0),
            "pack": pack,
            "params": if overlay { json!({}) } else { self.params() },
        });
        if overlay {
            data["role"] = json!("overlay");
        } else if self.dice.percent(20) {
            data["role"] = json!("platform");
        }
        if self.hot(Heat::Policy) {
            let until = if self.dice.percent(50) { instant(self.dice.pick(&DURING)) } else { self.now };
            if until > from {
                data["in_force_until"] = json!(written(until, 0));
            }
        }
        if self.dice.percent(10) {
            data["documents"] = json!([{"title": "How we use it", "url": "https://example.com/policy",
                "sha256": sha("c3"), "captured_at": written(self.now, 0)}]);
        }
        let id = format!("{policy}@{version}");
        self.emit_as("//policy", id, "policy.adopted", policy, time, data);
        self.versions.push(Version { policy: policy.to_string(), version, from });
    }

    fn in_force_from(&mut self, first: bool) -> i64 {
        if first && !self.hot(Heat::Early) {
            return instant(self.dice.pick(&[DURING[2], DURING[2], DURING[2], DURING[1], BEFORE[3]]));
        }
        match self.dice.below(8) {
            6 => instant(self.dice.pick(&DURING)).min(self.now),
            7 => self.now - self.dice.pick(&[HOUR, DAY, 3 * DAY]),
            0 => self.now,
            1 => self.now + SECOND,
            2 if !self.made.is_empty() => self.recent(10).time,
            3 => instant("2026-03-01T00:00:00Z"),
            4 => self.versions.last().map_or(self.now, |v| v.from),
            _ => instant(self.dice.pick(&DURING)),
        }
    }

    fn change_policy(&mut self) {
        if self.dice.percent(30) {
            let more: &[&str] = if self.dice.percent(60) { &OVERLAYS } else { &PLATFORMS };
            let policy = self.dice.pick(more);
            return self.adopt(policy);
        }
        let at = self.dice.below(self.versions.len());
        let policy = self.versions[at].policy.clone();
        self.adopt(&policy);
    }

    /// None, one or two of the pack's params, mostly harmless ones.
    fn params(&mut self) -> Value {
        let mut params = Map::new();
        let many = self.dice.pick(&[0, 0, 1, 1, 2, 3, 4]);
        for _ in 0..many {
            let (name, value) = self.param();
            params.insert(name.to_string(), value);
        }
        // What the trouble of this log is about.
        if self.heats[Heat::Link as usize] > 10 && self.dice.percent(50) {
            params.insert("unlink_grace_days".to_string(), json!(self.dice.pick(&[1, 3, 3, 15])));
        }
        if self.heats[Heat::Early as usize] > 10 && self.dice.percent(40) {
            params.insert("tz_basis".to_string(), json!("subject_local"));
        }
        if self.heats[Heat::Notice as usize] > 10 && self.dice.percent(25) {
            params.insert("notice_channels".to_string(), json!("all"));
        }
        if self.heats[Heat::Label as usize] > 10 && self.dice.percent(25) {
            params.insert("sensitive_granularity".to_string(), json!("conversation"));
        }
        Value::Object(params)
    }

    fn param(&mut self) -> (&'static str, Value) {
        match self.dice.below(24) {
            0 => ("use_from", json!(self.dice.pick(&[DURING[1], DURING[2], DURING[2], DURING[0], DURING[4]]))),
            1 => ("tz_basis", json!(self.dice.pick(&["subject_local", "subject_local", "utc"]))),
            2 => (
                "excluded_regions",
                self.dice.pick(&[json!(["GB", "KR"]), json!(["GB"]), json!([]), json!(["NO", "DE"])]),
            ),
            3 => ("region_use_from", {
                let at = self.dice.pick(&[DURING[4], DURING[6], DURING[8]]);
                self.dice.pick(&[json!({"DE": at}), json!({"NO": at, "FR": at}), json!({"US": at}), json!({"BR": at})])
            }),
            4 => ("region_basis", json!(self.dice.pick(&["account", "account", "stricter"]))),
            5 | 20 => ("notice", json!(self.dice.pick(&["record_only", "record_only", "required"]))),
            6 => ("notice_from", json!(self.dice.pick(&[BEFORE[3], BEFORE[4], BEFORE[0]]))),
            7 | 21 => ("notice_channels", json!(self.dice.pick(&["all", "all", "any"]))),
            8 => ("notice_sha256", json!(sha(self.dice.pick(&["a1", "a1", "b2"])))),
            9 => (
                "sensitive_categories",
                self.dice.pick(&[json!(["health"]), json!(["political_views", "health"]), json!([])]),
            ),
            10 | 22 => ("sensitive_granularity", json!(self.dice.pick(&["conversation", "conversation", "topic"]))),
            11 | 12 => (
                "excluded_topics",
                self.dice.pick(&[json!(["alcohol"]), json!(["poker", "alcohol"]), json!(["camping"])]),
            ),
            13 | 14 => (
                "proxy_topics",
                self.dice.pick(&[
                    json!({"modest_fashion": "religious_views"}),
                    json!({"modest_fashion": "religious_views", "poker": "health"}),
                    json!({"camping": "political_views"}),
                ]),
            ),
            15 | 16 => ("link_basis", json!(self.dice.pick(&["both", "both", "decision"]))),
            17 | 18 => ("unlink_grace_days", json!(self.dice.pick(&[1, 3, 15, 0]))),
            _ => (
                "apps",
                self.dice.pick(&[
                    json!(["facebook"]),
                    json!(["instagram", "facebook"]),
                    json!(["whatsapp", "instagram"]),
                    json!([]),
                ]),
            ),
        }
    }

    // -------------------------------------------------------------------------------------------- accounts

    fn link(&mut self, account: &str) {
        let center = if self.dice.percent(80) { "AC1" } else { "AC2" };
        let time = self.when();
        self.emit("//accounts", "account.linked", account, time, json!({"center": center}));
        self.centers.insert(account.to_string(), center);
    }

    fn link_or_unlink(&mut self, account: &str) {
        let linked = self.centers.get(account).copied();
        let Some(center) = linked.filter(|_| self.dice.percent(60)) else { return self.link(account) };
        if !self.hot(Heat::Link) && self.dice.percent(60) {
            return self.interaction(account);
        }
        let named = if self.dice.percent(80) { center } else { self.dice.pick(&["AC1", "AC2"]) };
        let time = self.when();
        self.emit("//accounts", "account.unlinked", account, time, json!({"center": named}));
        if named == center {
            self.centers.remove(account);
        }
    }

    fn notice(&mut self, account: &str, policy: &str) {
        let clean = !self.hot(Heat::Notice);
        let time = if clean { self.when() } else { self.past() };
        let status = if clean {
            self.dice.pick(&["delivered", "delivered", "delivered", "displayed", "acknowledged", "queued"])
        } else {
            self.dice.pick(&["queued", "sent", "bounced", "delivered", "displayed"])
        };
        let channel = self.dice.pick(&["in_product", "in_product", "email", "signup"]);
        let mut data = json!({"policy": policy, "channel": channel, "status": status});
        match self.dice.below(10) {
            0..7 => data["content_sha256"] = json!(sha("a1")),
            7 => data["content_sha256"] = json!(sha("b2")),
            _ => (),
        }
        if self.dice.percent(10) {
            data["campaign"] = json!("autumn");
            data["locale"] = json!("en-US");
        }
        self.emit("//notices", "notice.recorded", account, time, data);
    }

    fn preference(&mut self, account: &str) {
        let time = self.when();
        let on = self.hot(Heat::Preference) || self.dice.percent(40);
        let (control, value) = match self.dice.below(8) {
            0..3 => {
                let topic = self.dice.pick(&["hiking", "camping", "poker"]);
                (if on { "ads.topic.limit" } else { "ads.topic.unlimit" }, topic)
            }
            3 | 4 => {
                let advertiser = self.dice.pick(&ADVERTISERS);
                (if on { "ads.advertiser.block" } else { "ads.advertiser.unblock" }, advertiser)
            }
            5 => {
                let topic = self.dice.pick(&["hiking", "camping", "cycling"]);
                (if on { "feed.topic.see_less" } else { "feed.topic.reset" }, topic)
            }
            _ => ("privacy.gpc", if on { "on" } else { "off" }),
        };
        self.emit("//controls", "preference.changed", account, time, json!({"control": control, "value": value}));
    }

    fn consent(&mut self, account: &str) {
        let time = self.when();
        let state = match self.hot(Heat::Person) {
            true => self.dice.pick(&["refused", "withdrawn", "expired"]),
            false => "given",
        };
        let purpose = if self.dice.percent(90) { "personalised_ads" } else { "analytics" };
        let mut data = json!({"purpose": purpose, "state": state});
        if self.dice.percent(10) {
            data["evidence"] = json!("banner 7");
        }
        self.emit("//controls", "consent.recorded", account, time, data);
    }

    fn age(&mut self, account: &str) {
        let time = self.when();
        let band = match self.hot(Heat::Person) {
            true => self.dice.pick(&["minor", "unknown", "unknown"]),
            false => "adult",
        };
        self.emit("//accounts", "age.observed", account, time, json!({"band": band}));
    }

    fn request(&mut self, account: &str) {
        let time = self.when();
        let control = self.dice.pick(&["ai_ads_opt_out", "ai_ads_opt_out", "data_download"]);
        self.emit("//controls", "control.requested", account, time, json!({"control": control}));
    }

    fn permission(&mut self, account: &str) {
        let time = self.when();
        let state = self.dice.pick(&["granted", "denied", "revoked"]);
        let permission = self.dice.pick(&["microphone", "camera_roll"]);
        self.emit("//controls", "permission.changed", account, time, json!({"permission": permission, "state": state}));
    }

    fn erase(&mut self, account: &str) {
        let time = self.when();
        let scope = self.dice.pick(&["all", "content"]);
        self.emit("//accounts", "subject.erased", account, time, json!({"scope": scope}));
        if scope == "content" {
            return;
        }
        self.made.iter_mut().filter(|m| m.subject == account).for_each(|m| m.dead = true);
        self.centers.remove(account);
        // What it had labelled of others is labelled again.
        let labels: Vec<usize> = self
            .made
            .iter()
            .filter(|m| m.kind == "interaction.labelled" && m.subject == account)
            .map(|m| m.event)
            .collect();
        for label in labels {
            let target = self.events[label]["data"]["target"]["id"].clone();
            let chat = self.made.iter().position(|m| m.source == "//chat" && target == json!(m.id));
            if let Some(chat) = chat.filter(|c| self.made[*c].subject != account && self.dice.percent(50)) {
                self.todo.push_back(Next::Label(chat));
            }
        }
        // It mostly comes back, and is told again.
        for policy in self.platforms() {
            if self.dice.percent(75) {
                self.todo.push_back(Next::Notice(account.to_string(), policy));
            }
        }
    }

    // -------------------------------------------------------------------------------------------- chats

    fn region(&mut self, data: &mut Value) {
        if self.hot(Heat::Region) {
            let odd = ["GB", "DE", "FR", "NO", "IS", "KR", "RE", "AX", "CH", "LI", "CA", "SE"];
            match self.dice.below(5) {
                0 => (),
                1 => data["device_region"] = json!(self.dice.pick(&["US", "BR"])),
                2 => {
                    data["region"] = json!("US");
                    data["device_region"] = json!(self.dice.pick(&odd));
                }
                _ => data["region"] = json!(self.dice.pick(&odd)),
            }
            return;
        }
        data["region"] = json!(self.dice.pick(&[self.home, self.home, self.home, "US", "CA"]));
        if self.dice.percent(20) {
            data["device_region"] = json!(self.dice.pick(&["US", "BR"]));
        }
    }

    fn interaction(&mut self, account: &str) {
        let mut conversation = format!("chat-{}-{}", account.replace('/', "-"), self.dice.below(2));
        if self.hot(Heat::Lineage) && self.dice.percent(15) {
            conversation = "shared".to_string();
        }
        let turn = self.turns.entry(conversation.clone()).or_insert(0);
        *turn += 1;
        let turn = *turn;
        let agent = match self.hot(Heat::Agent) {
            true => self.dice.pick(&["human", "business"]),
            false => "assistant",
        };
        let mut data = json!({"agent": agent, "conversation": conversation, "turn": turn, "modality": "text"});
        if agent == "human" && self.dice.percent(50) {
            data["e2ee"] = json!(true);
        }
        self.modality(&mut data);
        self.region(&mut data);
        if self.dice.percent(15) || self.hot(Heat::Lineage) {
            data["context"] = json!(self.context(account));
        }
        if self.dice.percent(20) {
            data["content"] = json!("Where can I hike near Denver?");
        }
        let early = self.hot(Heat::Early);
        let time = if early { instant(self.dice.pick(&DURING[..4])).min(self.now) } else { self.when() };
        let at = self.emit("//chat", "interaction.recorded", account, time, data);
        if self.dice.percent(95) {
            self.todo.push_back(Next::Label(at));
        }
        // A version backdated over the chat, and another one since.
        if self.hot(Heat::Policy) && self.dice.percent(60) {
            let from = time - self.dice.pick(&[0, SECOND, HOUR]);
            self.todo.push_back(Next::Version(from));
            self.todo.push_back(Next::Version(self.now));
        }
        if self.dice.percent(85) {
            self.todo.push_back(Next::Signal(at));
        }
    }

    fn modality(&mut self, data: &mut Value) {
        if self.dice.percent(10) {
            data["modality"] = json!("image_prompt");
        }
        if !self.hot(Heat::Voice) && self.dice.percent(88) {
            return;
        }
        data["modality"] = json!("voice");
        let clean = self.dice.percent(50);
        if !clean && self.dice.percent(15) {
            return;
        }
        let mut evidence = Map::new();
        for part in ["permission", "feature_active", "indicator"] {
            if clean || self.dice.percent(75) {
                evidence.insert(part.to_string(), json!(clean || self.dice.percent(75)));
            }
        }
        data["microphone"] = Value::Object(evidence);
    }

    /// Earlier turns, mostly of the same account.
    fn context(&mut self, account: &str) -> Vec<Value> {
        let mut context = Vec::new();
        for _ in 0..1 + self.dice.below(2) {
            let stray = self.hot(Heat::Lineage) && self.dice.percent(40);
            let found = match stray {
                false => self.find("interaction.recorded", Some(account)),
                true if self.dice.percent(40) => return vec![json!(self.unknown("//chat"))],
                true if self.dice.percent(40) => self.find_plain_signal(),
                true => self.find("", None),
            };
            match found {
                Some(m) if m.kind == "signal.derived" && !m.plain => (),
                Some(m) if m.source == "//chat" && self.dice.percent(50) => context.push(json!(m.id)),
                Some(m) => context.push(m.reference()),
                None => (),
            }
        }
        context
    }

    /// An id of the source that nothing has yet, and that may come to be.
    fn unknown(&mut self, source: &'static str) -> String {
        let ahead = 1 + self.counts.get(source).copied().unwrap_or(0) + self.dice.below(3);
        if self.dice.percent(60) { format!("x{ahead}") } else { "ghost".to_string() }
    }

    /// A recent entry of that kind (any, if empty), and of that account if one is named.
    fn find(&mut self, kind: &str, account: Option<&str>) -> Option<Made> {
        let even_dead = self.dice.percent(30);
        let mut found: Vec<Made> = self
            .made
            .iter()
            .filter(|m| kind.is_empty() || m.kind == kind)
            .filter(|m| account.is_none_or(|a| m.subject == a))
            .filter(|m| even_dead || !m.dead)
            .cloned()
            .collect();
        found.reverse();
        found.truncate(8);
        if found.is_empty() { None } else { Some(self.dice.pick(&found)) }
    }

    fn find_plain_signal(&mut self) -> Option<Made> {
        let plain: Vec<Made> = self.made.iter().filter(|m| m.plain).cloned().collect();
        if plain.is_empty() { None } else { Some(self.dice.pick(&plain)) }
    }

    fn categories(&mut self) -> Vec<&'static str> {
        match self.dice.below(4) {
            0 => vec![self.dice.pick(&CATEGORIES), CATEGORIES[0]],
            1 => vec![self.dice.pick(&CATEGORIES)],
            _ => vec![self.dice.pick(&CATEGORIES[..3])],
        }
    }

    fn label(&mut self, at: usize) {
        let target = self.made[at].clone();
        let sensitive = if self.hot(Heat::Label) { self.categories() } else { Vec::new() };
        let account = if self.hot(Heat::Erase) || self.dice.percent(3) {
            self.dice.pick(&self.accounts)
        } else {
            target.subject.clone()
        };
        let time = if self.dice.percent(10) { target.time } else { self.when() };
        let reference = if self.hot(Heat::Lineage) && self.dice.percent(15) {
            json!({"source": "//chat", "id": self.unknown("//chat")})
        } else {
            target.reference()
        };
        let topic = self.dice.pick(&TOPICS);
        self.emit(
            "//labels",
            "interaction.labelled",
            &account,
            time,
            json!({"target": reference, "sensitive": sensitive, "topics": [topic], "labeller": robot("c")}),
        );
    }

    /// Another label on an interaction that may have one: sensitive or corrected, late or not.
    fn relabel(&mut self) {
        let Some(target) = self.find("interaction.recorded", None) else { return self.activity("facebook/s1") };
        let sensitive = if self.dice.percent(60) { self.categories() } else { Vec::new() };
        let time = self.when();
        self.emit(
            "//labels",
            "interaction.labelled",
            &target.subject.clone(),
            time,
            json!({"target": target.reference(), "sensitive": sensitive, "topics": [], "labeller": robot("d")}),
        );
    }

    fn activity(&mut self, account: &str) {
        let time = self.when();
        let activity = self.dice.pick(&["page_like", "follow", "post"]);
        let topic = self.dice.pick(&TOPICS);
        self.emit("//activity", "activity.recorded", account, time, json!({"activity": activity, "topics": [topic]}));
    }

    // -------------------------------------------------------------------------------------------- signals

    fn signal(&mut self, from: Option<usize>) {
        let mut plain = true;
        let mut sources: Vec<Value> = Vec::new();
        let mut account = self.dice.pick(&self.accounts);
        if let Some(at) = from {
            account = self.made[at].subject.clone();
            sources.push(self.made[at].reference());
        }
        let more = if from.is_some() { self.dice.pick(&[0, 0, 0, 1]) } else { 1 + self.dice.below(2) };
        for _ in 0..more {
            let trouble = self.hot(Heat::Lineage);
            let found = match self.dice.below(10) {
                0..3 => self.find("signal.derived", Some(&account)),
                3 => self.find("activity.recorded", None),
                4 if trouble => self.find("", None),
                5 | 6 if trouble => {
                    plain = false;
                    sources.push(json!({"conversation": self.conversation(&account)}));
                    continue;
                }
                7 if trouble => {
                    let id = self.unknown("//signals");
                    sources.push(json!(id));
                    continue;
                }
                8 => self.find("interaction.recorded", None),
                _ => self.find("interaction.recorded", Some(&account)),
            };
            let Some(found) = found else { continue };
            plain &= found.kind == "interaction.recorded" || found.kind == "activity.recorded";
            let short = found.source == "//signals" && self.dice.percent(50);
            sources.push(if short { json!(found.id) } else { found.reference() });
        }
        if sources.is_empty() && !self.hot(Heat::Lineage) {
            return self.activity(&account);
        }
        let topic = self.topic(75);
        let mut data = json!({"topic": topic, "sources": sources, "deriver": robot("m")});
        if self.hot(Heat::Label) && self.dice.percent(50) {
            data["sensitive"] = json!(self.categories());
        } else if self.dice.percent(10) {
            data["sensitive"] = json!([]);
        }
        if self.dice.percent(10) {
            data["confidence_ppm"] = json!(900_000);
            data["taxonomy"] = json!("iab-3.1");
        }
        if self.hot(Heat::Link) && self.dice.percent(40) {
            account = self.dice.pick(&self.accounts);
        }
        let time = self.when();
        let at = self.emit("//signals", "signal.derived", &account, time, data);
        self.made[at].plain = plain;
        if self.dice.percent(12) || self.hot(Heat::Lineage) {
            self.todo.push_front(Next::Nested(at));
        }
    }

    fn nested(&mut self, at: usize) {
        let source = self.made[at].clone();
        let mut data = json!({"topic": self.topic(75), "sources": [source.id], "deriver": robot("m")});
        if self.hot(Heat::Label) {
            data["sensitive"] = json!(self.categories());
        }
        let time = self.when();
        self.emit("//signals", "signal.derived", &source.subject, time, data);
    }

    fn conversation(&mut self, account: &str) -> String {
        match self.dice.below(6) {
            0 => "nobody-s".to_string(),
            1 => "shared".to_string(),
            n => format!("chat-{}-{}", account.replace('/', "-"), n % 2),
        }
    }

    fn topic(&mut self, harmless: u64) -> &'static str {
        match self.dice.percent(harmless) {
            true => self.dice.pick(&["hiking", "cycling"]),
            false => self.dice.pick(&TOPICS),
        }
    }

    // -------------------------------------------------------------------------------------------- decisions

    /// Mostly by signals of one's own or of an account in the same center.
    fn decision(&mut self) {
        let mut account = self.dice.pick(&self.accounts);
        if self.dice.percent(60)
            && let Some(signal) = self.find("signal.derived", None)
        {
            account = signal.subject;
        }
        if self.hot(Heat::Link) {
            self.unlink_days_ago(&account);
        }
        let mut signals = Vec::new();
        for _ in 0..self.dice.pick(&[1, 1, 1, 2, 3]) {
            match self.cited(&account) {
                Some(found) if found.source == "//ads" => signals.push(json!(found.id)),
                Some(found) => signals.push(found.reference()),
                None => (),
            }
        }
        if self.hot(Heat::Lineage) && self.dice.percent(20) {
            signals.push(json!({"source": "//signals", "id": self.unknown("//signals")}));
        }
        let ads = self.dice.percent(80);
        let kind = if ads {
            self.dice.pick(&["ad", "ad", "sponsored_result"])
        } else {
            self.dice.pick(&["post", "reel", "group"])
        };
        let mut topics = vec![self.topic(85)];
        if self.dice.percent(15) {
            topics.push(self.dice.pick(&TOPICS));
        }
        let mut item = json!({"kind": kind, "topics": topics});
        if ads && self.dice.percent(92) {
            item["advertiser"] = json!(self.dice.pick(&ADVERTISERS));
        }
        if self.dice.percent(5) {
            item["campaign"] = json!("spring");
            item["creative"] = json!("k1");
        }
        let mut data = json!({
            "purpose": if ads { "ads" } else { "content" },
            "item": item,
            "signals": signals,
            "outcome": if self.dice.percent(85) { "served" } else { "suppressed" },
        });
        self.region(&mut data);
        if self.dice.percent(12) || self.hot(Heat::Cite) {
            data["policy"] = self.citation();
        }
        let time = self.when();
        let at = self.emit("//ads", "decision.made", &account, time, data);
        if self.hot(Heat::Late) || self.hot(Heat::Policy) || self.dice.percent(20) {
            self.todo.push_back(Next::Afterthought(at));
        }
    }

    /// A fact about the account, a chat or the policies that bears upon a decision, recorded after it, though it
    /// happened just before it, at the same instant, or just after.
    fn afterthought(&mut self, at: usize) {
        let decision = self.made[at].clone();
        let account = decision.subject.as_str();
        let event = self.events[decision.event]["data"].clone();
        let time = (decision.time + self.dice.pick(&[-DAY, -HOUR, -SECOND, -SECOND, 0, SECOND])).min(self.now);
        if self.hot(Heat::Policy) {
            return match self.find("interaction.recorded", Some(account)) {
                Some(chat) if self.dice.percent(60) => self.adopt_from(PLATFORMS[0], chat.time),
                _ => self.change_policy(),
            };
        }
        match self.dice.below(12) {
            0 | 1 => {
                let control = self.dice.pick(&[
                    "ads.topic.limit",
                    "ads.topic.unlimit",
                    "feed.topic.see_less",
                    "feed.topic.reset",
                ]);
                let data = json!({"control": control, "value": event["item"]["topics"][0]});
                self.emit("//controls", "preference.changed", account, time, data);
            }
            2 => {
                let control = self.dice.pick(&["ads.advertiser.block", "ads.advertiser.unblock"]);
                let advertiser = event["item"]["advertiser"].as_str().unwrap_or(ADVERTISERS[0]);
                self.emit(
                    "//controls",
                    "preference.changed",
                    account,
                    time,
                    json!({"control": control, "value": advertiser}),
                );
            }
            3 => {
                let value = self.dice.pick(&["on", "off"]);
                let data = json!({"control": "privacy.gpc", "value": value});
                self.emit("//controls", "preference.changed", account, time, data);
            }
            4 | 5 => {
                let center = self.dice.pick(&["AC1", "AC1", "AC2"]);
                let kind = self.dice.pick(&["account.linked", "account.unlinked"]);
                let moved = self.dice.pick(&self.accounts);
                self.emit("//accounts", kind, &moved, time, json!({"center": center}));
            }
            6 | 7 => {
                let Some(target) = self.find("interaction.recorded", Some(account)) else { return self.age(account) };
                let sensitive = if self.dice.percent(50) { self.categories() } else { Vec::new() };
                let data =
                    json!({"target": target.reference(), "sensitive": sensitive, "topics": [], "labeller": robot("e")});
                self.emit("//labels", "interaction.labelled", account, time, data);
            }
            8 => {
                let policy = self.dice.pick(&self.platforms());
                let time = instant(self.dice.pick(&BEFORE[1..])).min(time);
                let data = json!({"policy": policy, "channel": "email", "status": self.dice.pick(&["delivered", "sent"]),
                    "content_sha256": sha("a1")});
                self.emit("//notices", "notice.recorded", account, time, data);
            }
            9 => {
                let band = self.dice.pick(&["minor", "adult", "unknown"]);
                self.emit("//accounts", "age.observed", account, time, json!({"band": band}));
            }
            10 => {
                let state = self.dice.pick(&["given", "withdrawn"]);
                let data = json!({"purpose": "personalised_ads", "state": state});
                self.emit("//controls", "consent.recorded", account, time, data);
            }
            _ if self.hot(Heat::Policy) || self.dice.percent(30) => self.change_policy(),
            _ => self.link(account),
        }
    }

    /// A link of the account or of one in its center that ended whole days before now, or a second off that.
    fn unlink_days_ago(&mut self, account: &str) {
        let Some(center) = self.centers.get(account).copied() else { return self.link(account) };
        let mates: Vec<String> =
            self.accounts.iter().filter(|a| self.centers.get(*a).copied() == Some(center)).cloned().collect();
        let who = self.dice.pick(&mates);
        let days = self.dice.pick(&[1, 3, 3, 15]);
        let time = self.now - days * DAY + self.dice.pick(&[0, 0, SECOND]);
        self.emit("//accounts", "account.unlinked", &who, time, json!({"center": center}));
        if self.dice.percent(60) {
            self.centers.remove(&who);
        }
    }

    fn cited(&mut self, account: &str) -> Option<Made> {
        if self.hot(Heat::Lineage) && self.dice.percent(30) {
            return match self.dice.percent(60) {
                true => self.find("interaction.recorded", Some(account)),
                false => self.find("", None),
            };
        }
        if self.dice.percent(60)
            && let Some(own) = self.find("signal.derived", Some(account))
        {
            return Some(own);
        }
        let center = self.centers.get(account).copied();
        let mates: Vec<String> = self
            .accounts
            .iter()
            .filter(|a| center.is_some() && self.centers.get(*a).copied() == center)
            .cloned()
            .collect();
        if mates.is_empty() || self.hot(Heat::Link) {
            return self.find("signal.derived", None);
        }
        let mate = self.dice.pick(&mates);
        self.find("signal.derived", Some(&mate))
    }

    fn citation(&mut self) -> Value {
        if self.hot(Heat::Cite) && self.dice.percent(50) {
            return json!({"id": PLATFORMS[0], "version": self.dice.pick(&["0", "1", "2"])});
        }
        let now = self.now;
        let mut likely: Vec<(i64, String, String)> = self
            .versions
            .iter()
            .filter(|v| v.from <= now)
            .map(|v| (v.from, v.policy.clone(), v.version.clone()))
            .collect();
        likely.sort();
        let Some((_, mut policy, mut version)) = likely.last().cloned() else {
            return json!({"id": PLATFORMS[0], "version": "1"});
        };
        if self.dice.percent(30) {
            (_, policy, version) = self.dice.pick(&likely);
        }
        json!({"id": policy, "version": version})
    }

    // -------------------------------------------------------------------------------------------- duplicates

    /// The very same event again. Not of an account that was erased since, and not one whose recordedtime would go
    /// backwards, so that it is a duplicate whatever is looked at first.
    fn duplicate(&mut self) {
        let found = self.recent(10);
        let event = self.events[found.event].clone();
        let last = found.event + 1 == self.events.len();
        if found.dead || !(event["recordedtime"].is_null() || last) {
            return self.interaction("facebook/s1");
        }
        self.events.push(event);
    }
}

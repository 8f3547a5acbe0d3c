//! Facts whose stored bodies have about 256 bytes: a chat, its label, a signal and a decision in turn, over a million accounts.

use inforce::fact::Fact;
use inforce::wire;

/// A stretch of facts, always the same.
pub struct Events {
    accounts: u64,
    next: u64,
    random: u64,
    /// Each account once, in order, instead of any.
    in_turn: bool,
}

/// What fills a body up.
const FILLING: &str = "which tent stands up to a storm in the hills when it rains for three days and who sells one that is light enough for somebody who walks alone and far, and would it also do in snow";
const DIGEST: &str = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";

impl Events {
    /// From number `first` on, each about one of `accounts` accounts by chance.
    pub fn new(accounts: u64, first: u64) -> Events {
        Events { accounts, next: first, random: first, in_turn: false }
    }

    /// One about each account, in turn.
    pub fn in_turn(accounts: u64) -> Events {
        Events { in_turn: true, ..Events::new(accounts, 0) }
    }

    /// The next `len` of them.
    pub fn group(&mut self, len: u64) -> Vec<Fact> {
        (0..len).map(|_| self.fact()).collect()
    }

    /// The next one.
    pub fn fact(&mut self) -> Fact {
        let n = self.next;
        self.next += 1;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The four facts of a decision are about one account.
        let chance = if n.is_multiple_of(4) || self.in_turn { self.random >> 24 } else { (self.random ^ n) >> 24 };
        let account = if self.in_turn { n % self.accounts } else { chance % self.accounts };
        let group = n / 4;
        let (kind, data) = match n % 4 {
            0 => (
                "interaction.recorded",
                format!(
                    r#"{{"agent":"assistant","conversation":"c{group}-{}","turn":0,"modality":"text","region":"US","device_region":"US"}}"#,
                    &FILLING[..168]
                ),
            ),
            1 => (
                "interaction.labelled",
                format!(
                    r#"{{"target":"e{}","sensitive":[],"topics":["camping"],"labeller":{{"name":"{}","version":"1","digest":"{DIGEST}"}}}}"#,
                    group * 4,
                    &FILLING[..140]
                ),
            ),
            2 => (
                "signal.derived",
                format!(
                    r#"{{"topic":"camping","sources":["e{}"],"deriver":{{"name":"{}","version":"1","digest":"{DIGEST}"}}}}"#,
                    group * 4,
                    &FILLING[..140]
                ),
            ),
            _ => (
                "decision.made",
                format!(
                    r#"{{"purpose":"ads","item":{{"kind":"ad","advertiser":"a{}.example","campaign":"{}","topics":["camping"]}},"region":"US","signals":["e{}"],"outcome":"served"}}"#,
                    chance % 1000,
                    &FILLING[..140],
                    group * 4 + 2
                ),
            ),
        };
        let line = format!(
            r#"{{"specversion":"1.0","id":"e{n}","source":"//bench","type":"inforce.{kind}","subject":"facebook/u{account}","time":"2026-01-20T09:00:00Z","data":{data}}}"#
        );
        wire::parse(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

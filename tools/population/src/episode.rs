//! One decision and what leads to it: who, about what, from which chat, and what is wrong with it.

mod facts;
mod plan;

use crate::breach::Breach;
use crate::person::{Person, persons};
use crate::random::Random;
use crate::truth::{Summary, Truth};
use crate::wire::{Lines, Minute};
use crate::{MILLION, Population};
use plan::Plan;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Topics of chats, signals and items.
pub const TOPICS: [&str; 10] =
    ["hiking", "cooking", "cars", "travel", "games", "fashion", "gardening", "pets", "music", "film"];
/// The one that the policy excludes.
pub const EXCLUDED_TOPIC: &str = "payday_loans";
/// The one that stands for a sensitive category.
pub const PROXY_TOPIC: &str = "prayer_times";
/// The region in which use begins later than anything here.
pub const LATER_REGION: &str = "TR";
const REGIONS: [&str; 10] = ["US", "BR", "IN", "MX", "CA", "AU", "JP", "ID", "NG", "ZA"];
const ADVERTISERS: u64 = 1000;
/// Decisions begin on December 18 and go on for 90 days, or as long as one person's take after each other.
const FIRST: Minute = Minute::of(78, 0);
const MINUTES: u64 = 90 * 1440;

/// The topic that a person limits.
pub fn limited(person: &Person) -> Option<&'static str> {
    person.limited(TOPICS.len()).map(|place| TOPICS[place])
}

/// The advertiser that a person blocks.
pub fn blocked(person: &Person) -> Option<u64> {
    person.blocked(ADVERTISERS)
}

/// The topic of which a person wants to see less.
pub fn see_less(person: &Person) -> Option<&'static str> {
    person.see_less(TOPICS.len()).map(|place| TOPICS[place])
}

/// Tells one decision after the other.
pub struct Telling<'a, W> {
    population: &'a Population,
    lines: Lines<W>,
    truth: Truth<'a>,
    random: Random,
    /// When each person is free again.
    free: Vec<Minute>,
    /// The number of each person's last sound signal, and 1; 0 where there is none.
    signals: Vec<u32>,
    /// Persons who had their chats erased: an older one is a source that was erased.
    erased: BTreeSet<u64>,
}

impl<'a, W: Write> Telling<'a, W> {
    /// From the first decision on.
    pub fn new(population: &'a Population, lines: Lines<W>, truth: Truth<'a>, random: Random) -> Telling<'a, W> {
        let all = persons(population.accounts) as usize;
        Telling {
            population,
            lines,
            truth,
            random,
            free: vec![FIRST; all],
            signals: vec![0; all],
            erased: BTreeSet::new(),
        }
    }

    /// Writes a decision and what leads to it.
    pub fn decide(&mut self, number: u64) -> io::Result<()> {
        let (person, breach) = self.draw();
        let index = person.number as usize;
        let minute =
            FIRST.after((u128::from(number) * u128::from(MINUTES) / u128::from(self.population.decisions)) as u32);
        let begin = minute.max(self.free[index]);
        let mut plan = Plan::new(number, person, begin);
        match breach {
            Some(breach) => {
                let other = self.other(&person);
                plan.wrong(breach, other, self.population.overlays, &mut self.random);
            }
            None => plan.sound(self.signals[index], self.population.overlays, &mut self.random),
        }
        facts::write(&plan, &mut self.lines)?;
        self.free[index] = begin.after(plan::LEN);
        if breach == Some(Breach::ErasedSource) {
            self.signals[index] = 0;
            self.erased.insert(person.number);
        } else if breach.is_none() && plan.makes_signal() {
            self.signals[index] = number as u32 + 1;
        }
        self.truth.take(number, &plan.expected(self.population.overlays))
    }

    /// The counts over everything.
    pub fn finish(mut self) -> io::Result<Summary> {
        self.lines.flush()?;
        self.truth.finish(self.lines.facts)
    }

    /// What is to be wrong, and somebody with whom it can be.
    fn draw(&mut self) -> (Person, Option<Breach>) {
        let mut draw = self.random.below(u64::from(MILLION)) as u32;
        for &(breach, share) in &self.population.breaches {
            if draw < share {
                let older = breach == Breach::PreEffectiveInteraction;
                let place = self.random.next();
                let whole = |person: &Person| !older || !self.erased.contains(&person.number);
                let found = self.from(place, |person| plan::suits(person, breach) && whole(person));
                return found.map_or_else(|| (self.anybody(), None), |person| (person, Some(breach)));
            }
            draw -= share;
        }
        (self.anybody(), None)
    }

    fn anybody(&mut self) -> Person {
        self.somebody(Person::is_plain).expect("most are")
    }

    fn other(&mut self, person: &Person) -> Person {
        self.somebody(|other| other.is_plain() && other.number != person.number).expect("there is more than one")
    }

    fn somebody(&mut self, suits: impl Fn(&Person) -> bool) -> Option<Person> {
        let first = self.random.next();
        self.from(first, suits)
    }

    /// The first who suits, from a random place on.
    fn from(&self, random: u64, suits: impl Fn(&Person) -> bool) -> Option<Person> {
        let all = self.free.len() as u64;
        let first = random % all;
        (0..all).map(|step| self.person((first + step) % all)).find(suits)
    }

    fn person(&self, number: u64) -> Person {
        Person::new(self.population.seed, number, self.population.accounts)
    }
}

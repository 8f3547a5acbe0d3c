//! A person: accounts, and what holds for them before the first decision. A pure function of seed and number, so that a
//! million of them take no memory.

use crate::random::mixed;

/// What became of the notices to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Delivered, with the text that was announced.
    Well,
    /// Never delivered.
    Never,
    /// Delivered, but before the campaign.
    Early,
    /// Delivered with another text.
    OtherText,
}

/// Persons of four sizes in turn: eight accounts.
const SIZES: [u64; 4] = [1, 2, 1, 4];
const BLOCK: u64 = 8;

/// One person.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// From 0.
    pub number: u64,
    /// How many accounts.
    pub accounts: usize,
    chance: u64,
}

/// How many persons hold `accounts` accounts; the last one has those that are left.
pub fn persons(accounts: u64) -> u64 {
    let rest = accounts % BLOCK;
    let mut more = 0;
    while more < 4 && SIZES[..more].iter().sum::<u64>() < rest {
        more += 1;
    }
    accounts / BLOCK * 4 + more as u64
}

impl Person {
    /// Person `number` of a population with so many accounts.
    pub fn new(seed: u64, number: u64, accounts: u64) -> Person {
        let first = number / 4 * BLOCK + SIZES[..(number % 4) as usize].iter().sum::<u64>();
        let size = SIZES[(number % 4) as usize].min(accounts.saturating_sub(first)).max(1);
        Person { number, accounts: size as usize, chance: mixed(mixed(seed ^ 0x7065_7273_6f6e) ^ number) }
    }

    fn bits(&self, at: u32, n: u64) -> u64 {
        (self.chance >> at) & (n - 1)
    }

    /// The app of an account.
    pub fn app(&self, account: usize) -> &'static str {
        match (account, self.accounts) {
            (0, _) => "facebook",
            (1, 2) if self.bits(0, 2) == 0 => "whatsapp",
            (1, _) => "instagram",
            (2, _) => "whatsapp",
            _ => "messenger",
        }
    }

    /// What became of the notices.
    pub fn noticed(&self) -> Noticed {
        match self.number % 64 {
            17 => Noticed::Never,
            34 => Noticed::Early,
            51 => Noticed::OtherText,
            _ => Noticed::Well,
        }
    }

    /// Known to be a minor.
    pub fn is_minor(&self) -> bool {
        self.number % 64 == 7
    }

    /// True if nothing about the person is wrong from the start.
    pub fn is_plain(&self) -> bool {
        self.noticed() == Noticed::Well && !self.is_minor()
    }

    /// True if an account is in the person's Accounts Center.
    pub fn is_linked(&self, account: usize) -> bool {
        let has_center = self.accounts > 1 && self.bits(1, 4) != 0;
        has_center && account < self.accounts && (self.app(account) != "whatsapp" || self.bits(3, 2) == 0)
    }

    /// True if it was, and was taken out again before anything is decided.
    pub fn was_linked(&self, account: usize) -> bool {
        account > 0 && account < self.accounts && !self.is_linked(account) && self.bits(4, 2) == 0
    }

    /// True if two different accounts are in one center.
    pub fn are_linked(&self, a: usize, b: usize) -> bool {
        a != b && self.is_linked(a) && self.is_linked(b)
    }

    /// The topic that is limited, as a place in a list of `n`.
    pub fn limited(&self, n: usize) -> Option<usize> {
        (self.bits(5, 4) == 0).then(|| (self.chance >> 32) as usize % n)
    }

    /// The advertiser that is blocked, of `n`.
    pub fn blocked(&self, n: u64) -> Option<u64> {
        (self.bits(7, 4) == 0).then(|| (self.chance >> 36) % n)
    }

    /// The topic of which to see less in the feed, of `n`.
    pub fn see_less(&self, n: usize) -> Option<usize> {
        (self.bits(9, 8) == 0).then(|| (self.chance >> 40) as usize % n)
    }

    /// Global Privacy Control.
    pub fn gpc(&self) -> bool {
        self.bits(12, 8) == 0
    }

    /// Consent to personalised ads.
    pub fn consents(&self) -> bool {
        self.bits(15, 2) == 0
    }

    /// Asked for an opt-out that is not offered.
    pub fn asked_out(&self) -> bool {
        self.bits(16, 16) == 0
    }

    /// An age was observed.
    pub fn has_age(&self) -> bool {
        self.is_minor() || self.bits(20, 4) == 0
    }

    /// Granted the microphone on record.
    pub fn granted_microphone(&self) -> bool {
        self.bits(22, 8) == 0
    }

    /// The region at home, of `n`.
    pub fn home(&self, n: usize) -> usize {
        (self.chance >> 44) as usize % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_have_the_accounts_that_there_are() {
        for accounts in 1..100 {
            let all = persons(accounts);
            let sum: usize = (0..all).map(|number| Person::new(1, number, accounts).accounts).sum();
            assert_eq!(sum as u64, accounts);
        }
    }
}

//! Which accounts must be judged together: a union-find over accounts, twelve bytes each.
//!
//! Every group has a home, the pile that its facts go to. Of two groups that are joined the one of which more is known
//! keeps its home; what stands in the other's is brought over later.

/// An account's number, in the order of first entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountNo(pub u32);

/// Groups of accounts.
pub struct Groups {
    /// By the numbers of accounts.
    accounts: Vec<Member>,
    piles: u16,
    /// Piles that hold entries of groups whose home is another.
    strayed: Vec<bool>,
}

/// An account in its group.
struct Member {
    /// On the way to the root; the root's own number at the root.
    parent: u32,
    /// Entries of the group, at its root.
    count: u32,
    /// The home, at its root.
    home: u16,
}

impl Groups {
    /// No accounts, and so many piles.
    pub fn new(piles: u16) -> Groups {
        Groups { accounts: Vec::new(), piles, strayed: vec![false; usize::from(piles)] }
    }

    /// Another account, in a group of its own.
    pub fn add(&mut self) -> AccountNo {
        let number = self.accounts.len() as u32;
        self.accounts.push(Member { parent: number, count: 0, home: (number % u32::from(self.piles)) as u16 });
        AccountNo(number)
    }

    /// Counts an entry of an account, and returns the pile that it goes to.
    pub fn count(&mut self, account: AccountNo) -> u16 {
        let root = self.root(account.0);
        let root = &mut self.accounts[root as usize];
        root.count = root.count.saturating_add(1);
        root.home
    }

    /// Puts two accounts into one group.
    pub fn join(&mut self, one: AccountNo, other: AccountNo) {
        let (one, other) = (self.root(one.0), self.root(other.0));
        if one == other {
            return;
        }
        let count = |account: u32| self.accounts[account as usize].count;
        let (small, large) = if count(one) < count(other) { (one, other) } else { (other, one) };
        let Member { count, home, parent } = &mut self.accounts[small as usize];
        *parent = large;
        let (count, home) = (*count, *home);
        let large = &mut self.accounts[large as usize];
        if home != large.home && count > 0 {
            self.strayed[usize::from(home)] = true;
        }
        large.count = large.count.saturating_add(count);
    }

    fn root(&mut self, mut account: u32) -> u32 {
        loop {
            let parent = self.accounts[account as usize].parent;
            if parent == account {
                return account;
            }
            // Every other step is cut short, so that paths stay short.
            let above = self.accounts[parent as usize].parent;
            self.accounts[account as usize].parent = above;
            account = above;
        }
    }

    /// The home of every account, how many entries each pile is home to, and which piles hold entries of others.
    pub fn settle(mut self) -> (Vec<u16>, Vec<u64>, Vec<bool>) {
        let mut totals = vec![0; usize::from(self.piles)];
        let homes = (0..self.accounts.len() as u32).map(|account| {
            let number = self.root(account);
            let root = &self.accounts[number as usize];
            if number == account {
                totals[usize::from(root.home)] += u64::from(root.count);
            }
            root.home
        });
        (homes.collect(), totals, self.strayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_has_one_home_and_what_is_left_behind_is_known() {
        let mut groups = Groups::new(3);
        let accounts: Vec<AccountNo> = (0..6).map(|_| groups.add()).collect();
        for (number, &account) in accounts.iter().enumerate() {
            (0..=number).for_each(|_| assert_eq!(usize::from(groups.count(account)), number % 3));
        }
        groups.join(accounts[0], accounts[4]);
        groups.join(accounts[4], accounts[5]);
        groups.join(accounts[0], accounts[5]);
        assert_eq!(groups.count(accounts[0]), 1);
        let (homes, totals, strayed) = groups.settle();
        assert_eq!(homes, [1, 1, 2, 0, 1, 1]);
        assert_eq!(totals, [4, 2 + 1 + 5 + 6 + 1, 3]);
        assert_eq!(strayed, [true, false, true]);
    }
}

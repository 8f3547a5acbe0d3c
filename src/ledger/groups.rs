//! Which accounts must be judged together: a union-find over accounts, twelve bytes each.
//!
//! Every group has a home, the pile that its facts go to. Of two groups that are joined the one of which more is known
//! keeps its home; what stands in the other's is brought over later.

/// An account's number, in the order of first entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountNo(pub u32);

/// Groups of accounts.
pub struct Groups {
    parents: Vec<u32>,
    /// Entries of the group, at its root.
    counts: Vec<u32>,
    /// The home, at its root.
    homes: Vec<u16>,
    piles: u16,
    /// Piles that hold entries of groups whose home is another.
    strayed: Vec<bool>,
}

impl Groups {
    /// No accounts, and so many piles.
    pub fn new(piles: u16) -> Groups {
        let strayed = vec![false; usize::from(piles)];
        Groups { parents: Vec::new(), counts: Vec::new(), homes: Vec::new(), piles, strayed }
    }

    /// Another account, in a group of its own.
    pub fn add(&mut self) -> AccountNo {
        let number = self.parents.len() as u32;
        self.parents.push(number);
        self.counts.push(0);
        self.homes.push((number % u32::from(self.piles)) as u16);
        AccountNo(number)
    }

    /// Counts an entry of an account, and returns the pile that it goes to.
    pub fn count(&mut self, account: AccountNo) -> u16 {
        let root = self.root(account.0) as usize;
        self.counts[root] = self.counts[root].saturating_add(1);
        self.homes[root]
    }

    /// Puts two accounts into one group.
    pub fn join(&mut self, one: AccountNo, other: AccountNo) {
        let (one, other) = (self.root(one.0), self.root(other.0));
        if one == other {
            return;
        }
        let (small, large) =
            if self.counts[one as usize] < self.counts[other as usize] { (one, other) } else { (other, one) };
        self.parents[small as usize] = large;
        let (small, large) = (small as usize, large as usize);
        if self.homes[small] != self.homes[large] && self.counts[small] > 0 {
            self.strayed[usize::from(self.homes[small])] = true;
        }
        self.counts[large] = self.counts[large].saturating_add(self.counts[small]);
    }

    fn root(&mut self, mut account: u32) -> u32 {
        while self.parents[account as usize] != account {
            // Every other step is cut short, so that paths stay short.
            let above = self.parents[self.parents[account as usize] as usize];
            self.parents[account as usize] = above;
            account = above;
        }
        account
    }

    /// The home of every account, how many entries each pile is home to, and which piles hold entries of others.
    pub fn settle(mut self) -> (Vec<u16>, Vec<u64>, Vec<bool>) {
        let mut totals = vec![0; usize::from(self.piles)];
        let homes = (0..self.parents.len() as u32).map(|account| {
            let root = self.root(account);
            if root == account {
                totals[usize::from(self.homes[root as usize])] += u64::from(self.counts[root as usize]);
            }
            self.homes[root as usize]
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

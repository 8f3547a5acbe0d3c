//! The tables: their names, columns, and what fills them. docs/sql.md lists the same, and a test compares.

mod facts;
mod judged;
mod kept;

pub use judged::{Decided, keys};
pub use kept::FromKept;

use crate::bounds::Key;
use crate::cells::{Cells, Column, Rows, Type};
use inforce::entry::Entry;
use inforce::fact::{Kind, Time};
use std::sync::LazyLock;

/// A table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in a few words.
    pub about: &'static str,
    /// Every column: the eight that all tables begin with, then its own.
    pub columns: Vec<Column>,
    /// Where its rows come from.
    pub from: From,
}

/// Where a table's rows come from.
pub enum From {
    /// A row an entry of one of these kinds, or of any.
    Entries(&'static [Kind], fn(&Entry, &mut Cells)),
    /// Rows of a decision. The second says which columns need its verdict; the third fills those that are kept.
    Decisions(fn(&Decided, &mut Rows), fn(&str) -> bool, Option<&'static FromKept>),
}

impl Table {
    /// What fills these columns from kept verdicts, if all of them are kept.
    pub fn from_kept(&self, projection: &[usize]) -> Option<&'static FromKept> {
        let From::Decisions(_, _, from) = self.from else { return None };
        from.filter(|from| projection.iter().all(|&ix| from.has(self.columns[ix].name)))
    }

    /// True if these columns cannot be filled without judging.
    pub fn needs_verdict(&self, projection: &[usize]) -> bool {
        match self.from {
            From::Entries(..) => false,
            From::Decisions(_, needs, _) => {
                self.name != "decisions" || projection.iter().any(|&ix| needs(self.columns[ix].name))
            }
        }
    }
}

/// Every table, in the order of docs/sql.md.
pub static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let entries = |name, about, own: &[Column], kinds, fill| table(name, about, own, From::Entries(kinds, fill));
    let decided =
        |name, about, own: &[Column], fill, needs, kept| table(name, about, own, From::Decisions(fill, needs, kept));
    let always: fn(&str) -> bool = |_| true;
    vec![
        entries("entries", "every entry", facts::ENTRIES, &[], facts::entry),
        entries(
            "interactions",
            "turns with an assistant, a business's bot or a person",
            facts::INTERACTIONS,
            &[Kind::InteractionRecorded],
            facts::interaction,
        ),
        entries("labels", "labels on interactions", facts::LABELS, &[Kind::InteractionLabelled], facts::label),
        entries(
            "signals",
            "interests derived from interactions and activities",
            facts::SIGNALS,
            &[Kind::SignalDerived],
            facts::signal,
        ),
        decided("uses", "interactions behind each decision, once a view", judged::USES, judged::uses, always, None),
        decided(
            "decisions",
            "decisions, with conformance and integrity",
            judged::DECISIONS,
            judged::decision,
            judged::is_verdict,
            Some(&kept::DECISIONS),
        ),
        decided(
            "verdicts",
            "the verdict on each decision, once a view",
            judged::VERDICTS,
            judged::verdicts,
            always,
            Some(&kept::VERDICTS),
        ),
        decided(
            "rules_fired",
            "rules that fired, once for each view, policy version and use",
            judged::RULES,
            judged::rules,
            always,
            Some(&kept::RULES),
        ),
        decided(
            "findings",
            "findings on each decision, once a view",
            judged::FINDINGS,
            judged::findings,
            always,
            Some(&kept::FINDINGS),
        ),
        entries("notices", "notices about a policy", facts::NOTICES, &[Kind::NoticeRecorded], facts::notice),
        entries(
            "links",
            "accounts linked to a center, and unlinked",
            facts::LINKS,
            &[Kind::AccountLinked, Kind::AccountUnlinked],
            facts::link,
        ),
        entries(
            "preferences",
            "changed preferences",
            facts::PREFERENCES,
            &[Kind::PreferenceChanged],
            facts::preference,
        ),
        entries("consents", "consents for a purpose", facts::CONSENTS, &[Kind::ConsentRecorded], facts::consent),
        entries("policies", "policy versions as adopted", facts::POLICIES, &[Kind::PolicyAdopted], facts::policy),
    ]
});

/// What every table begins with.
const COMMON: &[Column] = &[
    column("seq", Type::Number),
    column("source", Type::Text),
    column("id", Type::Text),
    column("account", Type::Text),
    column("app", Type::Text),
    column("occurred_at", Type::Time),
    column("occurred_offset_s", Type::Seconds),
    column("recorded_at", Type::Time),
];

fn table(name: &'static str, about: &'static str, own: &[Column], from: From) -> Table {
    Table { name, about, columns: [COMMON, own].concat(), from }
}

const fn column(name: &'static str, holds: Type) -> Column {
    Column { name, holds }
}

/// Fills what every table begins with.
fn common(cells: &mut Cells, key: &Key, name: Option<(&str, &str)>, app: Option<&str>, occurred: Time) {
    cells
        .number(Some(key.seq))
        .text(name.map(|(source, _)| source))
        .text(name.map(|(_, id)| id))
        .text(key.account)
        .text(app)
        .time(Some(occurred.at))
        .seconds(occurred.offset_s)
        .time(Some(key.recorded));
}

/// What an entry is narrowed by.
pub fn key(entry: &Entry) -> Key<'_> {
    let header = &entry.header;
    let subject = entry.record.as_ref().map(|record| record.subject.as_str());
    Key {
        seq: header.seq,
        occurred: header.occurred_at.at,
        recorded: header.recorded_at,
        account: subject.filter(|subject| header.kind.is_sealed() && !subject.is_empty()),
        kind: header.kind,
    }
}

//! What a scan is narrowed by: seq, both times, account and kind, taken out of a query's conditions.
//!
//! INVARIANT (exact): a condition that is taken holds for a row if and only if the bounds admit it, since nobody asks it
//! again. What cannot be said exactly is left to DataFusion.

use crate::cells::micros;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use inforce::fact::{Instant, Kind};
use std::collections::BTreeSet;

/// What of an entry can be narrowed by.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Key<'a> {
    pub seq: u64,
    pub occurred: Instant,
    pub recorded: Instant,
    pub account: Option<&'a str>,
    pub kind: Kind,
}

/// Which rows are wanted; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    seq: Span,
    occurred: Span,
    recorded: Span,
    accounts: Option<BTreeSet<String>>,
    kinds: Option<BTreeSet<String>>,
}

/// From the first to the last, both inclusive. Microseconds, or seqs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(i128, i128);

impl Default for Span {
    fn default() -> Self {
        Span(i128::MIN, i128::MAX)
    }
}

impl Span {
    fn holds(self, value: impl Into<i128>) -> bool {
        (self.0..=self.1).contains(&value.into())
    }

    fn meets(self, (first, last): (impl Into<i128>, impl Into<i128>)) -> bool {
        self.0 <= last.into() && first.into() <= self.1 && self.0 <= self.1
    }

    fn narrow(&mut self, other: Span) {
        *self = Span(self.0.max(other.0), self.1.min(other.1));
    }
}

impl Bounds {
    /// The bounds that all of these conditions make, each of which [`Bounds::take`] takes.
    pub fn of(conditions: &[Expr]) -> Bounds {
        let mut bounds = Bounds::default();
        for condition in conditions {
            bounds.take(condition);
        }
        bounds
    }

    /// Narrows by a condition; false, and nothing is changed, if it cannot be said exactly.
    pub fn take(&mut self, condition: &Expr) -> bool {
        let mut narrowed = self.clone();
        let taken = narrowed.narrow(condition).is_some();
        if taken {
            *self = narrowed;
        }
        taken
    }

    /// True if some row within these spans may be wanted, first and last.
    pub fn meet(&self, seqs: (u64, u64), occurred: (Instant, Instant), recorded: (Instant, Instant)) -> bool {
        let micros = |(first, last): (Instant, Instant)| (micros(first), micros(last));
        self.seq.meets(seqs) && self.occurred.meets(micros(occurred)) && self.recorded.meets(micros(recorded))
    }

    /// True if it narrows by what the body of an entry says.
    pub fn ask_for_bodies(&self) -> bool {
        self.accounts.is_some()
    }

    /// True if a row of that key is wanted.
    pub fn admit(&self, key: &Key) -> bool {
        let one_of = |set: &Option<BTreeSet<String>>, value: Option<&str>| {
            set.as_ref().is_none_or(|set| value.is_some_and(|value| set.contains(value)))
        };
        self.seq.holds(key.seq)
            && self.occurred.holds(micros(key.occurred))
            && self.recorded.holds(micros(key.recorded))
            && one_of(&self.accounts, key.account)
            && one_of(&self.kinds, Some(key.kind.name()))
    }

    fn narrow(&mut self, condition: &Expr) -> Option<()> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left)?;
                self.narrow(right)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (compared(left), compared(right)) {
                (Some(Compared::Column(name)), Some(Compared::Value(value))) => self.compare(name, *op, value),
                (Some(Compared::Value(value)), Some(Compared::Column(name))) => self.compare(name, op.swap()?, value),
                _ if *op == Operator::Or => self.one_of(condition),
                _ => None,
            },
            Expr::Between(between) if !between.negated => {
                let (Compared::Column(name), Compared::Value(low), Compared::Value(high)) =
                    (compared(&between.expr)?, compared(&between.low)?, compared(&between.high)?)
                else {
                    return None;
                };
                self.compare(name, Operator::GtEq, low)?;
                self.compare(name, Operator::LtEq, high)
            }
            Expr::InList(_) => self.one_of(condition),
            _ => None,
        }
    }

    fn compare(&mut self, name: &str, op: Operator, value: &ScalarValue) -> Option<()> {
        let span = match name {
            "seq" => &mut self.seq,
            "occurred_at" => &mut self.occurred,
            "recorded_at" => &mut self.recorded,
            _ if op == Operator::Eq => return self.only(name, BTreeSet::from([text(value)?.to_owned()])),
            _ => return None,
        };
        // In units of the column: the largest no later, and the smallest no earlier.
        let (floor, ceiling) = if name == "seq" { whole(value)? } else { instant(value)? };
        span.narrow(match op {
            Operator::Eq if floor == ceiling => Span(floor, floor),
            Operator::Eq => Span(1, 0),
            Operator::GtEq => Span(ceiling, i128::MAX),
            Operator::Gt => Span(floor + 1, i128::MAX),
            Operator::LtEq => Span(i128::MIN, floor),
            Operator::Lt => Span(i128::MIN, ceiling - 1),
            _ => return None,
        });
        Some(())
    }

    /// One column, equal to one of several texts: `IN`, or `OR` between equations.
    fn one_of(&mut self, condition: &Expr) -> Option<()> {
        let mut values = BTreeSet::new();
        let name = alternatives(condition, &mut values)?;
        self.only(name, values)
    }

    fn only(&mut self, name: &str, values: BTreeSet<String>) -> Option<()> {
        let set = match name {
            "account" => &mut self.accounts,
            "kind" => &mut self.kinds,
            _ => return None,
        };
        *set = Some(match set.take() {
            Some(before) => before.intersection(&values).cloned().collect(),
            None => values,
        });
        Some(())
    }
}

/// The column that all alternatives are about.
fn alternatives<'a>(condition: &'a Expr, values: &mut BTreeSet<String>) -> Option<&'a str> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (one, other) = (alternatives(left, values)?, alternatives(right, values)?);
            (one == other).then_some(one)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (Compared::Column(name), Compared::Value(value)) = (compared(left)?, compared(right)?) else {
                return None;
            };
            values.insert(text(value)?.to_owned());
            Some(name)
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Compared::Column(name) = compared(expr)? else { return None };
            for each in list {
                let Compared::Value(value) = compared(each)? else { return None };
                values.insert(text(value)?.to_owned());
            }
            Some(name)
        }
        _ => None,
    }
}

/// One side of a comparison.
enum Compared<'a> {
    Column(&'a str),
    Value(&'a ScalarValue),
}

/// A column, also one that is only read in another unit or encoding; or a literal.
fn compared(side: &Expr) -> Option<Compared<'_>> {
    use datafusion::arrow::datatypes::{DataType, TimeUnit};
    match side {
        Expr::Column(column) => Some(Compared::Column(&column.name)),
        Expr::Literal(value, _) => Some(Compared::Value(value)),
        Expr::Cast(cast) => {
            let keeps = match cast.field.data_type() {
                DataType::Timestamp(unit, _) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
                _ => false,
            };
            match (keeps, compared(&cast.expr)?) {
                (true, Compared::Column(name)) if keeps_meaning(name, cast.field.data_type()) => {
                    Some(Compared::Column(name))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A time is only read as a time, and a text as a text: as the other it compares otherwise.
fn keeps_meaning(name: &str, read_as: &datafusion::arrow::datatypes::DataType) -> bool {
    let as_time = matches!(read_as, datafusion::arrow::datatypes::DataType::Timestamp(..));
    match name {
        "occurred_at" | "recorded_at" => as_time,
        "account" | "kind" => !as_time,
        _ => false,
    }
}

fn text(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

fn whole(value: &ScalarValue) -> Option<(i128, i128)> {
    let number = match *value {
        ScalarValue::UInt64(Some(number)) => i128::from(number),
        ScalarValue::Int64(Some(number)) => i128::from(number),
        _ => return None,
    };
    Some((number, number))
}

/// Microseconds, rounded down and up. A time without an offset is one in UTC, as everywhere in a query.
fn instant(value: &ScalarValue) -> Option<(i128, i128)> {
    let nanos = match value {
        ScalarValue::TimestampSecond(Some(at), _) => i128::from(*at) * 1_000_000_000,
        ScalarValue::TimestampMillisecond(Some(at), _) => i128::from(*at) * 1_000_000,
        ScalarValue::TimestampMicrosecond(Some(at), _) => i128::from(*at) * 1000,
        ScalarValue::TimestampNanosecond(Some(at), _) => i128::from(*at),
        _ => return None,
    };
    Some((nanos.div_euclid(1000), -(-nanos).div_euclid(1000)))
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spans = [("seq", self.seq), ("occurred_at", self.occurred), ("recorded_at", self.recorded)];
        for (name, span) in spans.into_iter().filter(|(_, span)| *span != Span::default()) {
            write!(f, " {name}=")?;
            if span.0 != i128::MIN {
                write!(f, "{}", span.0)?;
            }
            f.write_str("..=")?;
            if span.1 != i128::MAX {
                write!(f, "{}", span.1)?;
            }
        }
        for (name, set) in [("account", &self.accounts), ("kind", &self.kinds)] {
            if let Some(set) = set {
                write!(f, " {name}={set:?}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn time(nanos: i64) -> Expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(nanos), None), None)
    }

    fn key(seq: u64, nanos: i64) -> Key<'static> {
        let at = Instant(nanos);
        Key { seq, occurred: at, recorded: at, account: Some("a/1"), kind: Kind::DecisionMade }
    }

    #[test]
    fn every_comparison_admits_what_it_holds_for() {
        type Holds = fn(i64, i64) -> bool;
        let ops: [(Operator, Holds); 5] = [
            (Operator::Eq, |a, b| a == b),
            (Operator::Lt, |a, b| a < b),
            (Operator::LtEq, |a, b| a <= b),
            (Operator::Gt, |a, b| a > b),
            (Operator::GtEq, |a, b| a >= b),
        ];
        for (op, holds) in ops {
            for literal in -2500..2500 {
                let condition =
                    Expr::BinaryExpr(BinaryExpr::new(Box::new(col("occurred_at")), op, Box::new(time(literal))));
                let mut bounds = Bounds::default();
                assert!(bounds.take(&condition), "{condition}");
                for micros in -4..=4 {
                    assert_eq!(
                        bounds.admit(&key(0, micros * 1000)),
                        holds(micros * 1000, literal),
                        "{micros} {condition}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_literal_may_stand_on_either_side() {
        let bounds = Bounds::of(&[lit(5u64).lt(col("seq")), col("seq").lt_eq(lit(7i64))]);
        let admitted: Vec<u64> = (0..10).filter(|&seq| bounds.admit(&key(seq, 0))).collect();
        assert_eq!(admitted, [6, 7]);
    }

    #[test]
    fn accounts_are_one_of_several_and_conditions_hold_together() {
        let either = col("account").eq(lit("a/1")).or(col("account").eq(lit("a/2")));
        assert!(Bounds::of(std::slice::from_ref(&either)).admit(&key(0, 0)));
        assert!(
            Bounds::of(&[either.clone(), col("account").in_list(vec![lit("a/1"), lit("a/3")], false)])
                .admit(&key(0, 0))
        );
        assert!(!Bounds::of(&[either, col("account").eq(lit("a/2"))]).admit(&key(0, 0)));
        assert!(!Bounds::of(&[col("kind").eq(lit("inforce.notice.recorded"))]).admit(&key(0, 0)));
        // A destroyed entry has no account: it equals none.
        assert!(!Bounds::of(&[col("account").eq(lit("a/1"))]).admit(&Key { account: None, ..key(0, 0) }));
    }

    #[test]
    fn what_cannot_be_said_exactly_is_left() {
        let left = [
            col("account").eq(lit("a/1")).or(col("seq").eq(lit(1u64))),
            col("account").not_eq(lit("a/1")),
            col("account").in_list(vec![lit("a/1")], true),
            col("rule").eq(lit("x")),
            col("occurred_at").eq(lit("2025-12-16")),
            col("seq").eq(lit(1.5)),
            col("seq").eq(Expr::Literal(ScalarValue::UInt64(None), None)),
            col("account").gt(lit("a/1")),
        ];
        for condition in left {
            let mut bounds = Bounds::default();
            assert!(!bounds.take(&condition), "{condition}");
            assert_eq!(bounds, Bounds::default());
        }
    }
}

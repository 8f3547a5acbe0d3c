//! One figure beside what it is held to.

use serde_json::{Value, json};

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held {
    /// At least so much of the floor, where more is better.
    Rate { floor: f64, goal: f64 },
    /// Told beside a floor, where less is better.
    Time { floor: f64 },
    /// At most this.
    Limit(f64),
    /// Nothing: it is told beside others.
    Told,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub unit: &'static str,
    pub ours: f64,
    pub held: Held,
}

impl Row {
    /// A figure.
    pub fn new(name: impl Into<String>, unit: &'static str, ours: f64, held: Held) -> Row {
        Row { name: name.into(), unit, ours, held }
    }

    /// What was measured beside it.
    pub fn floor(&self) -> Option<f64> {
        match self.held {
            Held::Rate { floor, .. } | Held::Time { floor } => Some(floor),
            Held::Limit(_) | Held::Told => None,
        }
    }

    /// Of the ratio where there is a floor, else of the figure itself.
    pub fn goal(&self) -> Option<f64> {
        match self.held {
            Held::Rate { goal, .. } | Held::Limit(goal) => Some(goal),
            Held::Time { .. } | Held::Told => None,
        }
    }

    /// How good it is, up is better: against the floor, or against a limit.
    pub fn ratio(&self) -> Option<f64> {
        match self.held {
            Held::Rate { floor, .. } => Some(self.ours / floor),
            Held::Time { floor } => Some(floor / self.ours),
            Held::Limit(limit) => Some(limit / self.ours),
            Held::Told => None,
        }
    }

    /// The ratio that reaches the goal.
    pub fn wanted(&self) -> Option<f64> {
        match self.held {
            Held::Limit(_) => Some(1.0),
            _ => self.goal(),
        }
    }

    /// True unless it misses its goal.
    pub fn holds(&self) -> bool {
        self.ratio().zip(self.wanted()).is_none_or(|(ratio, wanted)| ratio >= wanted)
    }

    /// One object.
    pub fn to_json(&self) -> Value {
        let short = |value: f64| if value.is_finite() { json!((value * 1e4).round() / 1e4) } else { Value::Null };
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": short(self.ours),
            "floor": self.floor().map(short),
            "ratio": self.ratio().map(short),
            "goal": self.goal(),
        })
    }

    /// A line for people, under [`HEADING`].
    pub fn to_text(&self) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), shown);
        let mark = match (self.goal(), self.holds()) {
            (None, _) => "",
            (_, true) => "✓",
            (_, false) => "✗ missed",
        };
        let (floor, ratio, goal) = (number(self.floor()), number(self.ratio()), number(self.goal()));
        format!("{:<58} {:>12} {:<12} {floor:>12} {ratio:>9} {goal:>8} {mark}", self.name, shown(self.ours), self.unit)
    }
}

/// Above the lines for people.
pub const HEADING: &str = "what                                                               ours unit                floor     ratio     goal";

fn shown(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}

/// The value that a share of the others does not exceed.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_that_goes_up_is_better() {
        let rate = Row::new("rate", "/s", 60.0, Held::Rate { floor: 100.0, goal: 0.5 });
        let time = Row::new("time", "s", 3.0, Held::Time { floor: 1.0 });
        let limit = Row::new("limit", "s", 0.1, Held::Limit(0.2));
        assert_eq!((rate.ratio(), rate.holds()), (Some(0.6), true));
        assert_eq!((time.ratio().map(|ratio| (ratio * 3.0).round()), time.holds()), (Some(1.0), true));
        assert_eq!((limit.ratio(), limit.wanted(), limit.holds()), (Some(2.0), Some(1.0), true));
        assert!(Row::new("told", "s", 1.0, Held::Told).holds());
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
    }
}

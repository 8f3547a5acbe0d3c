//! The explanation as one JSON object.

use super::Explanation;
use serde_json::Value;

/// Everything; `judgement` is what `replay --json` prints.
pub fn to_json(explanation: &Explanation) -> Value {
    serde_json::to_value(explanation).expect("strings, numbers and lists only")
}

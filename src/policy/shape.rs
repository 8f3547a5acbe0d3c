//! How deep and how long a policy's text may be: read off the text, before anything recurses over it.
//!
//! Cedar gives up on an expression when the stack runs low, so a text near that limit would be judged on one thread and
//! not on another. INVARIANT (any stack): a text within these limits is parsed, validated and judged on 1 MiB of stack.

/// Brackets of any kind within each other.
const DEPTH: usize = 24;
/// Operators and `if`s in one policy.
const OPERATORS: usize = 160;
/// Accesses and calls, each a dot, in one policy.
const DOTS: usize = 320;

/// Says what is too deep or too long, if anything is.
pub fn check(text: &str) -> Result<(), String> {
    let (mut depth, mut operators, mut dots) = (0usize, 0usize, 0usize);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let taken = match first {
            '"' => string_len(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if word > 0 => {
                operators += usize::from(matches!(&rest[..word], "if" | "has" | "like" | "in" | "is"));
                word
            }
            _ => {
                match first {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    '|' | '&' | '!' | '-' | '+' | '*' | '=' | '<' | '>' => operators += 1,
                    '.' => dots += 1,
                    ';' => (depth, operators, dots) = (0, 0, 0),
                    _ => {}
                }
                // `||`, `&&`, `==` and the like are one operator.
                let double = ["||", "&&", "==", "!=", "<=", ">="].iter().any(|pair| rest.starts_with(pair));
                if double { 2 } else { first.len_utf8() }
            }
        };
        for (count, limit, what) in
            [(depth, DEPTH, "brackets within each other"), (operators, OPERATORS, "operators"), (dots, DOTS, "dots")]
        {
            if count > limit {
                return Err(format!("expected at most {limit} {what} in one policy: write it as several"));
            }
        }
        rest = &rest[taken..];
    }
    Ok(())
}

/// The length of the string literal at the start of `text`, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::validate;

    #[test]
    fn what_is_too_deep_or_too_long_is_refused_before_it_is_parsed() {
        let policy =
            |condition: String| format!("@id(\"p\") permit(principal, action, resource) when {{ {condition} }};");
        let chain = |n: usize| vec!["context.decision.purpose == \"x\""; n].join(" || ");
        for condition in [
            format!("{}true{}", "(".repeat(100_000), ")".repeat(100_000)),
            format!("{}true{}", "[".repeat(1_000), "]".repeat(1_000)),
            format!("{}true", "!".repeat(10_000)),
            format!("{}true", "if true then true else ".repeat(1_000)),
            chain(600),
            format!("context{}", ".decision".repeat(2_000)),
        ] {
            let refused = validate(&policy(condition)).expect_err("too much").to_string();
            assert!(refused.contains("expected at most"), "{refused}");
        }
        // Brackets and operators in strings and comments are text.
        let harmless = format!("// {}\n{}", "(".repeat(100), policy(format!("\"{}\" == \"\\\"((\"", "(!".repeat(500))));
        validate(&harmless).expect("nothing nests");
    }

    #[test]
    fn what_is_let_in_fits_on_a_small_stack() {
        let longest = format!(
            "@id(\"p\") permit(principal, action, resource) when {{ {} }};",
            vec!["context.decision.purpose == \"x\""; OPERATORS / 2].join(" || ")
        );
        let small = std::thread::Builder::new().stack_size(1 << 20);
        small.spawn(move || validate(&longest).expect("within the limits")).expect("a thread").join().expect("it fits");
    }
}

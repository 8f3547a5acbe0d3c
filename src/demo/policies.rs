//! The policies of the demo: the platform's in three versions, the four overlays, and three of somebody's own for one
//! app.

use super::log::{Log, at, notice_sha256};
use crate::fact::*;
use serde_json::{Value, json};

/// The platform's policy.
pub const PLATFORM: &str = "meta-ai-personalization";

/// A pilot on one app: only what was typed may be used, so a voice interaction finds no permit.
const PILOT: &str = r#"@id("pilot-shows")
permit (principal, action == Action::"show", resource);
@id("pilot-typed-only")
permit (principal, action == Action::"use_signal", resource)
when { context.use.modality == "text" };
"#;

/// A rule that its author got wrong: the product does not fit into a number.
const OVERFLOW: &str = r#"@id("too-many-days")
@title("The link ended too many days ago")
forbid (principal, action == Action::"show", resource)
when { context.params.unlink_grace_days * 9223372036854775807 > 1 };
"#;

/// Adopted a day after it took force.
const PAUSE: &str = r#"@id("no-spirits")
@title("No ads for spirits over the holiday")
forbid (principal, action == Action::"show", resource)
when { context.item.topics.contains("spirits") };
"#;

/// Adopts all of them.
pub fn adopt(log: &mut Log) {
    let first = "2025-12-16T00:00:00Z";
    for (pack, role) in [
        (PLATFORM, Role::Platform),
        ("overlay-minors", Role::Overlay),
        ("overlay-eu-consent", Role::Overlay),
        ("overlay-eea", Role::Overlay),
        ("overlay-gpc", Role::Overlay),
    ] {
        version(log, pack, "1", "2025-10-01T09:00:00Z", [first, ""], role, Text::Pack, json!({}));
    }
    let tighter = json!({
        "excluded_topics": ["gambling"], "proxy_topics": { "iab:225": "health" },
        "notice_sha256": notice_sha256().to_string(),
        "region_use_from": { "IN": "2026-04-01T00:00:00Z" },
    });
    version(
        log,
        PLATFORM,
        "2",
        "2026-02-10T09:00:00Z",
        ["2026-03-01T00:00:00Z", ""],
        Role::Platform,
        Text::Pack,
        tighter,
    );
    let strict_links = json!({ "link_basis": "both", "notice": "record_only" });
    version(
        log,
        PLATFORM,
        "3",
        "2026-03-20T09:00:00Z",
        ["2026-04-01T00:00:00Z", ""],
        Role::Platform,
        Text::Pack,
        strict_links,
    );
    let threads = json!({ "apps": ["threads"] });
    let window = ["2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z"];
    version(
        log,
        "threads-pilot",
        "1",
        "2026-01-10T09:00:00Z",
        window,
        Role::Platform,
        Text::Own(PILOT),
        threads.clone(),
    );
    let window = ["2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z"];
    let days = json!({ "apps": ["threads"], "unlink_grace_days": 2 });
    version(log, "threads-links", "1", "2026-01-30T09:00:00Z", window, Role::Overlay, Text::Own(OVERFLOW), days);
    let window = ["2026-04-20T00:00:00Z", "2026-04-24T00:00:00Z"];
    version(log, "threads-holiday", "1", "2026-04-21T09:00:00Z", window, Role::Overlay, Text::Own(PAUSE), threads);
}

enum Text {
    /// The built-in pack of the policy's name.
    Pack,
    Own(&'static str),
}

#[allow(clippy::too_many_arguments)]
fn version(
    log: &mut Log,
    id: &str,
    version: &str,
    adopted: &str,
    [from, until]: [&str; 2],
    role: Role,
    text: Text,
    params: Value,
) {
    let (pack, cedar) = match text {
        Text::Pack => (Some(id.to_owned()), String::new()),
        Text::Own(cedar) => (None, cedar.to_owned()),
    };
    let body = PolicyAdopted {
        version: version.to_owned(),
        in_force_from: at(from),
        in_force_until: (!until.is_empty()).then(|| at(until)),
        role,
        pack,
        overrides: params.to_string(),
        cedar,
        params: String::new(),
        cedar_version: 0,
        documents: Vec::new(),
    };
    log.say(format!("{id}@{version}"), id, at(adopted), Body::PolicyAdopted(Box::new(body)));
}

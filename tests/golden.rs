//! Frozen bytes: what `docs/format.md` says about headers and records, held by files that are never rewritten silently.
//!
//! A difference means that ledgers written so far can no longer be read, or no longer verify. Only while nothing has been
//! released, or for a kind that is new: `INFORCE_BLESS=1 cargo test --test golden`, and say so in CHANGELOG.md.

use inforce::codec::{
    self, Commitment, EntryHash, Head, Header, Identity, Link, Record, StreamId, StreamLink, center_stream,
    policy_stream,
};
use inforce::fact::*;
use std::path::PathBuf;

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n").collect()
}

/// Compares with `tests/golden/NAME.hex`, or writes it if `INFORCE_BLESS` is `1`.
fn hold(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    if std::env::var("INFORCE_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, hex(bytes)).expect("written");
    }
    let frozen = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(hex(bytes), frozen, "{name}: the bytes on disk have changed");
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn id(id: &str) -> FactId {
    FactId { source: text("//s"), id: text(id) }
}

fn time(value: &str) -> Time {
    Time::parse(value).expect("a time")
}

fn region(value: &str) -> Option<Region> {
    Some(Region::parse(value).expect("a region"))
}

fn program(provider: Option<&str>) -> Program {
    Program { name: text("m"), version: text("1"), digest: Digest([0xab; 32]), provider: provider.map(text) }
}

/// One body of each kind, with every option there, and what else must be frozen of that kind.
fn bodies() -> Vec<(&'static str, Body)> {
    let policy = PolicyAdopted {
        version: text("1"),
        in_force_from: time("2025-12-16T00:00:00Z"),
        in_force_until: Some(time("2026-12-16T00:00:00-08:00")),
        role: Role::Overlay,
        pack: Some(text("overlay-gpc")),
        overrides: text("{}"),
        cedar: text("@id(\"x\") forbid (principal, action, resource);"),
        params: text("{\"use_from\":\"2025-12-16T00:00:00Z\"}"),
        cedar_version: 4,
        documents: vec![Document {
            title: text("t"),
            url: text("https://example.com/"),
            sha256: Digest([1; 32]),
            captured_at: time("2025-10-01T00:00:00Z"),
        }],
    };
    let notice = NoticeRecorded {
        policy: text("p"),
        campaign: Some(text("c")),
        channel: Channel::Signup,
        status: NoticeStatus::Bounced,
        locale: Some(text("en")),
        content_sha256: Some(Digest([2; 32])),
    };
    let interaction = InteractionRecorded {
        agent: Agent::Human,
        conversation: text("k1"),
        turn: 70_000,
        modality: Modality::ImagePrompt,
        region: region("US"),
        device_region: region("KR"),
        e2ee: Some(true),
        microphone: Microphone { permission: Some(true), feature_active: Some(false), indicator: None },
        context: vec![id("i0")],
    };
    let label = InteractionLabelled {
        target: id("i1"),
        sensitive: [Category::Health, Category::TradeUnionMembership].into_iter().collect(),
        topics: vec![text("tea"), text("yoga")],
        labeller: program(None),
    };
    let signal = SignalDerived {
        topic: text("tea"),
        taxonomy: Some(text("x")),
        sensitive: Categories::default(),
        confidence_ppm: Some(900_000),
        sources: vec![Source::Fact(id("i1")), Source::Conversation(text("k1"))],
        deriver: program(Some("v")),
    };
    let decision = DecisionMade {
        purpose: Purpose::Content,
        item: Item {
            kind: ItemKind::SponsoredResult,
            advertiser: Some(text("a")),
            campaign: Some(text("c")),
            creative: Some(text("r")),
            topics: vec![text("tea")],
        },
        region: region("US"),
        device_region: None,
        signals: vec![id("g1")],
        policy: Some(CitedPolicy { id: text("p"), version: text("1") }),
        outcome: Outcome::Suppressed,
    };
    let consent =
        ConsentRecorded { purpose: text("personalised_ads"), state: ConsentState::Expired, evidence: Some(text("e")) };
    let permission = PermissionChanged { permission: Permission::CameraRoll, state: PermissionState::Revoked };
    vec![
        ("00-policy-adopted", Body::PolicyAdopted(Box::new(policy))),
        ("01-notice-recorded", Body::NoticeRecorded(notice)),
        ("02-account-linked", Body::AccountLinked { center: text("c1") }),
        ("03-account-unlinked", Body::AccountUnlinked { center: text("c1") }),
        (
            "04-preference-changed",
            Body::PreferenceChanged(PreferenceChanged { control: Control::Gpc, value: text("on") }),
        ),
        ("05-consent-recorded", Body::ConsentRecorded(consent)),
        ("06-age-observed", Body::AgeObserved(AgeBand::Unknown)),
        ("07-permission-changed", Body::PermissionChanged(permission)),
        ("08-control-requested", Body::ControlRequested { control: text("ai_ads_opt_out") }),
        ("09-interaction-recorded", Body::InteractionRecorded(Box::new(interaction))),
        (
            "10-activity-recorded",
            Body::ActivityRecorded(ActivityRecorded { activity: text("follow"), topics: vec![text("tea")] }),
        ),
        ("11-interaction-labelled", Body::InteractionLabelled(Box::new(label))),
        ("12-signal-derived", Body::SignalDerived(Box::new(signal))),
        ("13-decision-made", Body::DecisionMade(Box::new(decision))),
        ("14-subject-erased", Body::SubjectErased(Scope::All)),
        ("15-verdict-attested", Body::VerdictAttested(Box::new(attested()))),
    ]
}

fn attested() -> VerdictAttested {
    let rule = |id: &str, policy: Option<&str>, today| AttestedRule {
        id: text(id),
        policy: policy.map(text),
        version: policy.map(|_| text("1")),
        known: false,
        today,
    };
    VerdictAttested {
        decision: 300,
        digest: Digest([3; 32]),
        known: Verdict::Allow,
        today: Verdict::Deny,
        conformance: Conformance::LateBreach,
        integrity: Integrity::Erased,
        rules: vec![rule("accounts-not-linked", Some("p"), true), rule("erased-source", None, false)],
        engine: text("inforce"),
        engine_version: text("0.1.0"),
        size: 70_000,
        root: Digest([4; 32]),
    }
}

fn header() -> Header {
    Header {
        seq: 300,
        identity: Identity([3; 16]),
        kind: Kind::DecisionMade,
        occurred_at: time("2025-12-20T09:00:00.000000001-09:00"),
        recorded_at: Instant(1_767_139_200_000_000_000),
        streams: vec![
            StreamLink { stream: StreamId([4; 16]), revision: 7, previous: EntryHash([5; 32]) },
            StreamLink { stream: StreamId([6; 16]), revision: 0, previous: EntryHash([0; 32]) },
        ],
        pins: Some([7; 32]),
        links: vec![
            Link::Resolved { seq: 70_000, hash: EntryHash([8; 32]) },
            Link::Unresolved { identity: Identity([9; 16]) },
        ],
        body: Commitment([10; 32]),
        content: Some(Commitment([11; 32])),
    }
}

#[test]
fn records_of_every_kind() {
    let bodies = bodies();
    assert_eq!(bodies.len(), Kind::NAMES.len(), "one of each kind");
    for (number, (name, body)) in bodies.into_iter().enumerate() {
        assert_eq!(body.kind() as usize, number, "{name}");
        let record = Record { id: id("1"), subject: text("facebook/s1"), body };
        let bytes = codec::encode(&record);
        hold(&format!("record-{name}"), &bytes);
        assert_eq!(codec::decode::<Record>(&bytes, "a record"), Ok(record), "{name}");
    }
}

#[test]
fn headers_and_their_hash() {
    let bytes = codec::encode(&header());
    hold("header", &bytes);
    assert_eq!(codec::decode::<Header>(&bytes, "a header"), Ok(header()));
    hold("header-hash", &codec::entry_hash(&bytes).0);
    let small =
        Header { pins: None, links: Vec::new(), content: None, streams: header().streams[..1].to_vec(), ..header() };
    hold("header-small", &codec::encode(&small));
}

#[test]
fn hashes_of_every_context() {
    let key = [12; 32];
    hold("commitment", &codec::commitment(&key, b"plaintext").0);
    hold("identity", &codec::identity(&key, &id("1")).0);
    hold("center-stream", &center_stream("c1").0);
    hold("policy-stream", &policy_stream("meta-ai-personalization").0);
    hold("attestation-stream", &codec::attestation_stream().0);
    hold("verdict-digest", &codec::verdict_digest(&key, b"line"));
    let head = |byte, revision| Head { stream: StreamId([byte; 16]), revision, hash: EntryHash([byte + 1; 32]) };
    hold("pins", &codec::pins(&mut [head(20, 1), head(13, 300)]));
    hold("pins-none", &codec::pins(&mut []));
}

/// Enum numbers are the order of names; a new one goes to the end.
#[test]
fn numbers_of_every_enum() {
    let all: [(&str, &[&str]); 18] = [
        ("Kind", Kind::NAMES),
        ("Role", Role::NAMES),
        ("Channel", Channel::NAMES),
        ("NoticeStatus", NoticeStatus::NAMES),
        ("Control", Control::NAMES),
        ("ConsentState", ConsentState::NAMES),
        ("AgeBand", AgeBand::NAMES),
        ("Permission", Permission::NAMES),
        ("PermissionState", PermissionState::NAMES),
        ("Agent", Agent::NAMES),
        ("Modality", Modality::NAMES),
        ("Purpose", Purpose::NAMES),
        ("ItemKind", ItemKind::NAMES),
        ("Outcome", Outcome::NAMES),
        ("Scope", Scope::NAMES),
        ("Verdict", Verdict::NAMES),
        ("Conformance", Conformance::NAMES),
        ("Integrity", Integrity::NAMES),
    ];
    let mut list: String = all.iter().map(|(name, names)| format!("{name}: {}\n", names.join(" "))).collect();
    list += &format!("Category: {}\n", Category::ALL.map(Category::name).join(" "));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/enums.txt");
    if std::env::var("INFORCE_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &list).expect("written");
    }
    assert_eq!(list, std::fs::read_to_string(&path).expect("tests/golden/enums.txt"));
}

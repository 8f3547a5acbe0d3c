//! Step 12: the manifest has the digest of every member above it, and the ledger sealed the manifest.

use crate::base::to_hex;
use crate::bundle::Bundle;
use crate::json::Json;
use crate::note::{Note, VerifierKey};
use sha2::{Digest, Sha256};

/// The members that the manifest does not cover: itself, and what covers it.
const UNCOVERED: [&str; 2] = ["manifest", "seal"];

pub fn check(bundle: &Bundle, key: &VerifierKey) -> Result<String, String> {
    let Json::Object(members) = &bundle.json else { return Err("the bundle is no object".to_owned()) };
    let covered = members.iter().filter(|(name, _)| !UNCOVERED.contains(&name.as_str()));
    let mut digests: Vec<_> = covered.map(|(name, value)| (name.clone(), Json::String(digest(value)))).collect();
    digests.sort_by(|(left, _), (right, _)| left.cmp(right));
    let Json::Object(said) = &bundle.manifest else { return Err("the manifest is no object".to_owned()) };
    if let Some((name, _)) = digests.iter().find(|made| !said.contains(made)) {
        return Err(format!("`{name}` is not what the manifest says"));
    }
    if digests != *said {
        return Err("the manifest has members that are not its own, or not in their order".to_owned());
    }
    let note = Note::parse(&bundle.seal).map_err(|why| format!("the seal: {why}"))?;
    let expected = format!("inforce bundle\n{}\n{}\n", key.name, digest(&bundle.manifest));
    if note.text != expected {
        return Err("the seal is over another manifest".to_owned());
    }
    if note.signatures() != 1 {
        return Err("the seal has another signature besides the ledger's".to_owned());
    }
    note.verify(key).map_err(|why| format!("the seal: {why}"))?;
    Ok(format!("sealed by {}", key.name))
}

/// SHA-256 over canonical JSON, in hex.
fn digest(json: &Json) -> String {
    to_hex(&Sha256::digest(json.canonical()))
}

//! Bundles taken apart and put together again, sealed anew by whoever holds the ledger's key.

use ed25519_dalek::{Signer, SigningKey};
use inforce_auditor::{Json, to_base64, to_hex};
use sha2::{Digest, Sha256};

/// A bundle that can be changed.
#[derive(Clone)]
pub struct Forged(pub Json);

impl Forged {
    pub fn of(bundle: &[u8]) -> Self {
        Self(Json::parse(std::str::from_utf8(bundle).unwrap()).unwrap())
    }

    pub fn spelt(&self) -> Vec<u8> {
        self.0.spelt().into_bytes()
    }

    /// With a manifest and a seal that hold.
    pub fn sealed(&self, ledger: &super::works::Ledger) -> Vec<u8> {
        let mut sealed = self.clone();
        let Json::Object(members) = &mut sealed.0 else { panic!("a bundle is an object") };
        members.retain(|(name, _)| name != "manifest" && name != "seal");
        let digest = |json: &Json| to_hex(&Sha256::digest(json.canonical()));
        let mut manifest: Vec<_> =
            members.iter().map(|(name, value)| (name.clone(), Json::String(digest(value)))).collect();
        manifest.sort_by(|left, right| left.0.cmp(&right.0));
        let manifest = Json::Object(manifest);
        let origin = ledger.key.split('+').next().unwrap();
        let text = format!("inforce bundle\n{origin}\n{}\n", digest(&manifest));
        members.push(("manifest".to_owned(), manifest));
        members.push(("seal".to_owned(), Json::String(note(&text, &ledger.key, &ledger.seed()))));
        sealed.spelt()
    }

    /// The list of this name.
    pub fn list(&mut self, name: &str) -> &mut Vec<Json> {
        list(member(&mut self.0, name))
    }

    pub fn member(&mut self, name: &str) -> &mut Json {
        member(&mut self.0, name)
    }

    /// The seqs of the entries.
    pub fn seqs(&self) -> Vec<u64> {
        let Some(Json::List(entries)) = self.0.member("entries") else { panic!("entries") };
        entries.iter().map(seq).collect()
    }
}

pub fn member<'a>(json: &'a mut Json, name: &str) -> &'a mut Json {
    let Json::Object(members) = json else { panic!("`{name}` of what is no object") };
    members.iter_mut().find(|(have, _)| have == name).map(|(_, value)| value).unwrap_or_else(|| panic!("`{name}`"))
}

pub fn list(json: &mut Json) -> &mut Vec<Json> {
    let Json::List(items) = json else { panic!("no list") };
    items
}

pub fn seq(json: &Json) -> u64 {
    let Some(Json::Number(seq)) = json.member("seq") else { panic!("no seq") };
    *seq as u64
}

pub fn text(json: &Json) -> &str {
    let Json::String(text) = json else { panic!("no string") };
    text
}

/// A note signed by the key whose seed this is.
pub fn note(text: &str, key: &str, seed: &[u8; 32]) -> String {
    let mut parts = key.splitn(3, '+');
    let (name, id) = (parts.next().unwrap(), parts.next().unwrap());
    let id: [u8; 4] = inforce_auditor::from_hex(id).unwrap();
    let signature = SigningKey::from_bytes(seed).sign(text.as_bytes()).to_bytes();
    format!("{text}\n— {name} {}\n", to_base64(&[id.as_slice(), &signature].concat()))
}

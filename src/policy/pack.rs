//! The packs that come with the program.

use super::params;
use serde_json::{Map, Value};

/// A pack: a policy text with defaults for its params.
#[derive(Debug)]
pub struct Pack {
    /// The name under which facts adopt it.
    pub name: &'static str,
    /// Its text.
    pub cedar: &'static str,
    excluded_regions: Option<&'static [&'static str]>,
}

/// Every pack.
pub const PACKS: &[Pack] = &[
    Pack { name: "meta-ai-personalization", cedar: include_str!("packs/meta-ai-personalization.cedar"), excluded_regions: None },
    Pack { name: "overlay-minors", cedar: include_str!("packs/overlay-minors.cedar"), excluded_regions: None },
    Pack { name: "overlay-eu-consent", cedar: include_str!("packs/overlay-eu-consent.cedar"), excluded_regions: None },
    Pack { name: "overlay-eea", cedar: include_str!("packs/overlay-eea.cedar"), excluded_regions: Some(&["IS", "LI", "NO"]) },
    Pack { name: "overlay-gpc", cedar: include_str!("packs/overlay-gpc.cedar"), excluded_regions: None },
];

impl Pack {
    /// The pack of that name.
    pub fn named(name: &str) -> Option<&'static Pack> {
        PACKS.iter().find(|pack| pack.name == name)
    }

    /// The pack's params before any override.
    pub fn defaults(&self) -> Map<String, Value> {
        let mut defaults = params::defaults();
        if let Some(regions) = self.excluded_regions {
            defaults.insert("excluded_regions".to_owned(), Value::from(regions.to_vec()));
        }
        defaults
    }
}

//! The packs that come with the program.

use super::{PolicyError, params, resolve};
use crate::fact::{Instant, PolicyAdopted, Role, Time};
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
    Pack {
        name: "meta-ai-personalization",
        cedar: include_str!("packs/meta-ai-personalization.cedar"),
        excluded_regions: None,
    },
    Pack { name: "overlay-minors", cedar: include_str!("packs/overlay-minors.cedar"), excluded_regions: None },
    Pack { name: "overlay-eu-consent", cedar: include_str!("packs/overlay-eu-consent.cedar"), excluded_regions: None },
    Pack {
        name: "overlay-eea",
        cedar: include_str!("packs/overlay-eea.cedar"),
        excluded_regions: Some(&["IS", "LI", "NO"]),
    },
    Pack { name: "overlay-gpc", cedar: include_str!("packs/overlay-gpc.cedar"), excluded_regions: None },
];

impl Pack {
    /// The pack of that name.
    pub fn named(name: &str) -> Option<&'static Pack> {
        PACKS.iter().find(|pack| pack.name == name)
    }

    /// What it is meant to be adopted as.
    pub fn role(&self) -> Role {
        if self.name.starts_with("overlay-") { Role::Overlay } else { Role::Platform }
    }

    /// The pack as a version `built-in` that has always been in force.
    pub fn as_adopted(&self) -> Result<PolicyAdopted, PolicyError> {
        let mut adopted = PolicyAdopted {
            version: "built-in".to_owned(),
            in_force_from: Time::utc(Instant(0)),
            in_force_until: None,
            role: self.role(),
            pack: Some(self.name.to_owned()),
            overrides: "{}".to_owned(),
            cedar: String::new(),
            params: String::new(),
            cedar_version: 0,
            documents: Vec::new(),
        };
        resolve(&mut adopted)?;
        Ok(adopted)
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

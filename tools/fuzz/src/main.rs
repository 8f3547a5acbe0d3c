//! The fuzzer: libFuzzer over the target that `INFORCE_FUZZ` names. `tools/fuzz/run` builds and runs it.
#![no_main]

mod targets;

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var("INFORCE_FUZZ").unwrap_or_default();
        let found = targets::TARGETS.iter().find(|(target, _)| *target == name);
        found.unwrap_or_else(|| panic!("INFORCE_FUZZ `{name}`: expected a target of targets.rs")).1
    });
    target(data);
});

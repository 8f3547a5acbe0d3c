//! The story, part 3 of 3: prove.
//!
//! ```sh
//! cargo run --example prove -- story
//! ```
//!
//! A regulator asks about the pillow ad. She gets one file, and has the ledger's public key from before. What was changed
//! is found; and when Ada has herself erased, everything that was proved still is.

use inforce::bundle::{self, Bundle, Trust};
use inforce::checkpoint::VerifierKey;
use inforce::evidence;
use inforce::ledger::Ledger;
use inforce::wire;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "story".to_owned()));
    let ledger = Ledger::open(&dir)?;
    let seq = ledger.decisions_of("pillow-ad")?[0];
    let file = evidence::bundle(&ledger, seq, false, None)?.to_text();
    let public_key = ledger.verifier_key();

    // From here on the regulator: a file and a key, no ledger.
    println!("the file, {} bytes:", file.len());
    check(&file, &public_key)?;

    println!("\nthe same file, with another verdict in it:");
    let forged = file.replacen("\"verdict\": \"deny\"", "\"verdict\": \"allow\"", 1);
    assert_ne!(forged, file);
    check(&forged, &public_key)?;

    // Ada asks to be erased. The hashes stay, what they were made of goes.
    let erased = r#"{"specversion":"1.0","id":"e1","source":"//story","type":"inforce.subject.erased","subject":"facebook/ada",
        "time":"2026-01-05T10:00:00Z","data":{"scope":"all"}}"#;
    ledger.append(vec![wire::parse(erased)?])?;
    ledger.checkpoint()?;
    println!("\nafter the erasure, a new file about the same decision:");
    check(&evidence::bundle(&ledger, seq, false, None)?.to_text(), &public_key)?;
    ledger.close()?;
    Ok(())
}

fn check(file: &str, key: &VerifierKey) -> Result<(), Box<dyn std::error::Error>> {
    let bundle = Bundle::parse(file)?;
    let mut steps = Vec::new();
    let outcome = bundle::check(&bundle, &Trust { key, witnesses: &[], checkpoint: None }, &mut steps);
    for step in &steps {
        println!("  ✓ {:<13} {}", step.name, step.found);
    }
    match outcome {
        Ok(checked) => println!("  it holds: {}", checked.conformance.name()),
        Err(failure) => println!("  ✗ {failure}"),
    }
    Ok(())
}

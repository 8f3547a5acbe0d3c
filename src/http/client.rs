//! The ledger's side of `add-checkpoint`: asks every witness at once, and believes only what verifies.
//!
//! A witness that fails is told by name and reason; it neither delays nor spoils what the others answer.

use crate::checkpoint::{Cosignature, Note, SignatureLine, VerifierKey};
use crate::ledger::Ledger;
use crate::merkle::TreeSize;
use crate::witness::AddCheckpoint;
use std::time::Duration;
use ureq::Agent;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 << 10;
/// How often a witness may name another size: each time it does, somebody else was faster.
const TRIES: usize = 4;

/// A witness to be asked.
#[derive(Clone, Debug)]
pub struct Cosigner {
    /// Its key.
    pub key: VerifierKey,
    /// Its submission prefix; `None` if nobody said where it answers.
    pub url: Option<String>,
}

/// What became of one witness: its signature line and time, or why there is none.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub cosigner: Cosigner,
    /// The verified line and its time in seconds since 1970.
    pub result: Result<(SignatureLine, u64), String>,
}

/// Asks all of `cosigners` to cosign `note`, the ledger's checkpoint over `size` entries, each within `timeout`.
pub fn collect(
    ledger: &Ledger,
    note: &Note,
    size: TreeSize,
    cosigners: &[Cosigner],
    timeout: Duration,
) -> Vec<Outcome> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("inforce/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::new_with_config(config);
    let last = ledger.witnessed_checkpoint().ok().flatten().and_then(|last| Note::parse(&last).ok());
    let ask = |cosigner: &Cosigner| {
        let submission = Submission { ledger, agent: &agent, note, size, cosigner };
        Outcome { cosigner: cosigner.clone(), result: submission.run(last.as_ref()) }
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = cosigners.iter().map(|cosigner| scope.spawn(|| ask(cosigner))).collect();
        asked.into_iter().map(|thread| thread.join().expect("asking does not panic")).collect()
    })
}

struct Submission<'a> {
    ledger: &'a Ledger,
    agent: &'a Agent,
    note: &'a Note,
    size: TreeSize,
    cosigner: &'a Cosigner,
}

impl Submission<'_> {
    fn run(&self, last: Option<&Note>) -> Result<(SignatureLine, u64), String> {
        let url = self.cosigner.url.as_ref().ok_or("no URL is known of it")?;
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let mut old = self.last_size(last);
        for _ in 0..TRIES {
            match self.ask(&url, old)? {
                Ok(body) => return self.take(&body),
                Err(size) => old = size,
            }
        }
        Err(format!("it named another size {TRIES} times: somebody else submits checkpoints of this ledger"))
    }

    /// The size that this witness cosigned last, as far as we know: it saves a question.
    fn last_size(&self, last: Option<&Note>) -> TreeSize {
        let cosigned = last.filter(|note| matches!(Cosignature::find(note, &self.cosigner.key), Ok(Some(_))));
        let checkpoint = cosigned.and_then(|note| crate::checkpoint::Checkpoint::unverified(note).ok());
        checkpoint.map_or(TreeSize(0), |checkpoint| checkpoint.size)
    }

    /// One request: the body of a 200, or the size of a 409.
    fn ask(&self, url: &str, old: TreeSize) -> Result<Result<String, TreeSize>, String> {
        let proof = self.ledger.consistency_proof(old, self.size).map_err(|error| error.to_string())?;
        let request = AddCheckpoint { old, proof, checkpoint: self.note.to_string() };
        let sent = self.agent.post(url).content_type("text/plain; charset=utf-8").send(request.to_string());
        let mut answer = sent.map_err(|error| format!("`{url}`: {error}"))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let body = body.map_err(|error| format!("`{url}` answered {status}: {error}"))?;
        match status {
            200 => Ok(Ok(body)),
            409 => {
                let size = crate::checkpoint::decimal(body.trim_end_matches('\n'));
                let size = size.ok_or_else(|| format!("`{url}` answered 409 without a size"))?;
                if size > self.size.0 {
                    return Err(format!(
                        "it says that it cosigned {size} entries, this ledger has {}: the ledger was rolled back, or \
                         another copy of it is submitted",
                        self.size.0
                    ));
                }
                Ok(Err(TreeSize(size)))
            }
            status => Err(format!("`{url}` answered {status}: {}", first_line(&body))),
        }
    }

    /// The line of this witness among those that came, if it verifies. Others' lines are passed over.
    fn take(&self, body: &str) -> Result<(SignatureLine, u64), String> {
        let key = &self.cosigner.key;
        let lines = body.strip_suffix('\n').unwrap_or(body).split('\n').map(SignatureLine::parse);
        let lines: Vec<SignatureLine> = lines.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let own = lines.into_iter().find(|line| line.name == key.name && line.id == key.id());
        let line = own.ok_or("it answered without a cosignature by the key that was expected")?;
        let alone = Note::new(self.note.text().to_owned(), vec![line.clone()]);
        match Cosignature::find(&alone, key) {
            Ok(Some(Cosignature { timestamp: 1.., .. })) => {}
            Ok(_) => return Err("its cosignature carries no time".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        let timestamp = u64::from_be_bytes(line.signature[..8].try_into().expect("it verified"));
        Ok((line, timestamp))
    }
}

/// What a stranger said, fit for a terminal: one line, no control characters, not long.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

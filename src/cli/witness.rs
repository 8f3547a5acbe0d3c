//! `inforce witness`: cosigns checkpoints of the logs that it was told of.

use super::exit::print_line;
use super::{CliError, Exit};
use crate::checkpoint::{KeyType, VerifierKey};
use crate::http::{Notary, new_key, read_key, serve};
use crate::ledger::system_now;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

/// Arguments of `inforce witness`.
#[derive(clap::Args)]
pub struct Witness {
    /// The witness's secret key: a file that only its owner can read.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Make that file, for a witness of this name, such as `witness.example/w1`, and print its public key.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["listen", "state", "log"])]
    new_key: Option<String>,
    /// Where to serve, such as `127.0.0.1:8080`; port 0 takes any.
    #[arg(long, value_name = "ADDR", required_unless_present = "new_key")]
    listen: Option<SocketAddr>,
    /// The folder with what was cosigned last of each log; made if it is not there.
    #[arg(long, value_name = "DIR", required_unless_present = "new_key")]
    state: Option<PathBuf>,
    /// The public key of a log to cosign for; once for each.
    #[arg(long, value_name = "VKEY", required_unless_present = "new_key", value_parser = log_key)]
    log: Vec<VerifierKey>,
}

fn log_key(text: &str) -> Result<VerifierKey, String> {
    match VerifierKey::parse(text) {
        Ok(key) if key.kind() == KeyType::Log => Ok(key),
        Ok(_) => Err("a witness's key: expected a log's, of type 1".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn run(args: Witness) -> Result<Exit, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(error.to_string());
    if let Some(name) = &args.new_key {
        let key = new_key(&args.key, name).map_err(|error| failed(&error))?;
        print_line(&mut std::io::stdout().lock(), key)?;
        return Ok(Exit::Done);
    }
    let (Some(address), Some(state)) = (args.listen, args.state) else {
        return Err(CliError::Usage("expected `--listen` and `--state`".to_owned()));
    };
    let key = read_key(&args.key).map_err(|error| failed(&error))?;
    let notary = Notary::open(&state, key, args.log, system_now).map_err(|error| failed(&error))?;
    let listener = TcpListener::bind(address).map_err(|error| CliError::File(address.to_string(), error))?;
    let address = listener.local_addr().map_err(|error| CliError::File(address.to_string(), error))?;
    let mut out = std::io::stdout().lock();
    print_line(&mut out, format!("listening on http://{address}\npublic key: {}", notary.verifier()))?;
    drop(out);
    serve(listener, notary).map_err(|error| CliError::File(address.to_string(), error))?;
    Ok(Exit::Done)
}

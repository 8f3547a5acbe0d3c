//! Ledgers made by the program `inforce`, which is run as a black box, and bundles that it wrote.

use inforce_auditor::{Audit, VerifierKey, audit};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `INFORCE_BIN`, or the program beside the auditor, where `cargo test --workspace` puts it, or one built for this run.
pub fn inforce() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("INFORCE_BIN") {
            return path.into();
        }
        let path = Path::new(env!("CARGO_BIN_EXE_inforce-auditor")).with_file_name("inforce");
        if !path.exists() {
            let mut build = Command::new(env!("CARGO"));
            build.current_dir(root()).args(["build", "--package", "inforce", "--bin", "inforce"]);
            build.args(if cfg!(debug_assertions) { [].as_slice() } else { &["--release"] });
            assert!(build.status().expect("cargo runs").success(), "inforce was not built");
        }
        assert!(path.exists(), "`{}` is not there: run `cargo test --workspace`, or set INFORCE_BIN", path.display());
        path
    })
}

pub fn run(arguments: &[&str]) -> Output {
    Command::new(inforce()).args(arguments).output().expect("inforce runs")
}

/// A ledger in a folder of its own.
pub struct Ledger {
    dir: tempfile::TempDir,
    pub key: String,
}

impl Ledger {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger");
        let made = run(&["init", "--json", "--ledger", path.to_str().unwrap()]);
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("init prints JSON");
        Self { dir, key: made["public_key"].as_str().expect("a public key").to_owned() }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let path = self.path();
        run(&[arguments, &["--ledger", path.to_str().unwrap()]].concat())
    }

    /// Records events as if at the times that they say themselves, or now.
    pub fn import(&self, events: &[String], recorded: bool) {
        let file = self.dir.path().join("events");
        std::fs::write(&file, events.join("\n") + "\n").unwrap();
        let clock = if recorded { ["--clock", "recorded"].as_slice() } else { &[] };
        let done = self.run(&[["import"].as_slice(), clock, &[file.to_str().unwrap()]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The bundle about a decision, or why there is none.
    pub fn bundle(&self, decision: &str, with_content: bool) -> Result<Vec<u8>, String> {
        let file = self.dir.path().join("bundle.inforce.json");
        let content = if with_content { ["--with-content"].as_slice() } else { &[] };
        let arguments = ["bundle", decision, "-o", file.to_str().unwrap()];
        let done = self.run(&[arguments.as_slice(), content].concat());
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
        Ok(std::fs::read(file).unwrap())
    }

    /// The seed of the key that signs, as the format's "Keyring" says where it is.
    pub fn seed(&self) -> [u8; 32] {
        let keyring = std::fs::read(self.path().join("keyring")).unwrap();
        assert_eq!(&keyring[..16], b"inforce keyring\n");
        keyring[16..48].try_into().unwrap()
    }

    /// What the auditor says.
    pub fn audit(&self, bundle: &[u8]) -> Audit {
        audit(bundle, &VerifierKey::parse(&self.key).unwrap(), &[])
    }

    /// The step at which `inforce verify-bundle` says that a bundle does not hold, and why.
    pub fn verify(&self, bundle: &[u8]) -> Option<String> {
        let file = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        std::fs::write(file.path(), bundle).unwrap();
        let done = run(&["verify-bundle", "--json", "--key", &self.key, file.path().to_str().unwrap()]);
        let said: serde_json::Value = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&done.stderr)));
        assert_eq!(said["ok"] == true, said["failed"].is_null(), "{said}");
        said["failed"]["step"].as_str().map(|step| format!("{step}: {}", said["failed"]["what"]))
    }
}

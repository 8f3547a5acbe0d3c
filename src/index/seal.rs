//! The seal: a digest over sled's files, written once they are closed.
//!
//! sled asserts what it reads, and a process that was killed has left files that it cannot open. So nothing is handed
//! back to sled but what it closed itself, byte for byte; whatever else is found is made again. The digest guards against
//! accidents only: whoever can write the files can write the seal, and the index is not believed anyway.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = "seal";

/// Seals a folder when it is dropped. INVARIANT (sealed last): declared behind the database, it is dropped after it.
pub struct Seal {
    path: PathBuf,
    /// False once something failed: what is there is then not handed on.
    pub whole: bool,
}

impl Seal {
    pub fn new(path: &Path) -> Seal {
        Seal { path: path.to_owned(), whole: true }
    }
}

impl Drop for Seal {
    fn drop(&mut self) {
        if !self.whole || std::thread::panicking() {
            return;
        }
        if let Err(error) = digest(&self.path).and_then(|digest| std::fs::write(self.path.join(NAME), digest)) {
            tracing::warn!(
                "sealing the catalogue `{}`: {error}; it is made again when it is opened",
                self.path.display()
            );
        }
    }
}

/// True if the folder is as it was sealed, or there is nothing in it yet.
pub fn holds(path: &Path) -> io::Result<bool> {
    match path.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        other => {
            if other?.next().is_none() {
                return Ok(true);
            }
        }
    }
    match std::fs::read(path.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        sealed => Ok(sealed? == digest(path)?),
    }
}

/// BLAKE3 over every file but the seal: its path below the folder and its bytes, each behind its length.
fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut files = Vec::new();
    gather(path, &mut files)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files.iter().filter(|file| **file != path.join(NAME)) {
        let name = file.strip_prefix(path).unwrap_or(file).as_os_str().as_encoded_bytes();
        let bytes = File::open(file)?;
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        hasher.update(&bytes.metadata()?.len().to_le_bytes()).update_reader(bytes)?;
    }
    Ok(hasher.finalize().as_bytes().to_vec())
}

fn gather(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in dir.read_dir()? {
        let path = entry?.path();
        if path.is_dir() { gather(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

//! `checkpoint.witnessed`: the last checkpoint that enough others cosigned. Later checkpoints leave it as it is.

use super::{Ledger, LedgerError, held};
use crate::checkpoint::Checkpoint;
use crate::disk;
use std::path::PathBuf;

/// Its file in the ledger's folder.
pub const WITNESSED: &str = "checkpoint.witnessed";

impl Ledger {
    fn witnessed_path(&self) -> PathBuf {
        self.dir.join(WITNESSED)
    }

    /// The last checkpoint that was cosigned, as a note, the ledger's own signature checked; `None` if none ever was.
    pub fn witnessed_checkpoint(&self) -> Result<Option<String>, LedgerError> {
        let path = self.witnessed_path();
        if !self.disk().exists(&path) {
            return Ok(None);
        }
        let bytes = self.disk().read(&path).map_err(|error| LedgerError::Io(path, error))?;
        let note = String::from_utf8_lossy(&bytes).into_owned();
        self.config.open_checkpoint(&note)?;
        Ok(Some(note))
    }

    /// Keeps a checkpoint of this ledger that was cosigned; the caller has verified the cosignatures. One that is not of
    /// this tree, or smaller than the one that is kept, is refused.
    pub fn keep_witnessed(&self, note: &str) -> Result<Checkpoint, LedgerError> {
        let writer = self.writer.as_ref().ok_or_else(|| LedgerError::ReadOnly(self.dir.clone()))?;
        let _alone = self.locked(writer)?;
        let checkpoint = self.config.open_checkpoint(note)?;
        if self.root_at(checkpoint.size)? != checkpoint.root {
            return Err(LedgerError::RolledBack(format!(
                "the cosigned checkpoint over {} entries is not of this tree",
                checkpoint.size.0
            )));
        }
        let path = self.witnessed_path();
        if self.disk().exists(&path) {
            let kept =
                held::read_checkpoint(self.disk(), &path, &self.config, |error| LedgerError::Io(path.clone(), error))?;
            if kept.size > checkpoint.size {
                return Err(LedgerError::RolledBack(format!(
                    "`{WITNESSED}` is over {} entries, the cosigned checkpoint over {}",
                    kept.size.0, checkpoint.size.0
                )));
            }
        }
        disk::replace(self.disk(), &path, note.as_bytes()).map_err(|error| LedgerError::Io(path, error))?;
        Ok(checkpoint)
    }
}

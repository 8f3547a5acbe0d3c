//! A small file replaced as a whole: whoever reads it finds the old one or the new one, also after power was lost.

use super::{Disk, Open};
use std::io;
use std::path::Path;

/// Writes `bytes` beside `path`, syncs, moves them over it, and syncs the folder.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let file = disk.open(fresh, Open::Truncate)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    disk.rename(fresh, path)?;
    disk.sync_dir(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

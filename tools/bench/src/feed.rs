//! A population as a stream of lines, made on a thread of its own while others take from it.

use inforce_population::Population;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines handed over at a time.
const LINES: usize = 1024;

/// The rest of a population.
pub struct Feed {
    blocks: Receiver<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
}

/// The sending end: every write is a line.
struct Sending {
    blocks: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    lines: usize,
}

impl Write for Sending {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(line);
        self.lines += 1;
        if self.lines == LINES {
            self.flush()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines = 0;
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(1 << 19));
        self.blocks.send(block).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Feed {
    /// All of a population; it ends with a few facts less than planned where somebody stops taking.
    pub fn new(population: Population) -> Feed {
        let (sender, blocks) = sync_channel(64);
        // A receiver that is gone ends the thread.
        std::thread::spawn(move || {
            let _ = population.write(Sending { blocks: sender, block: Vec::new(), lines: 0 }, None);
        });
        Feed { blocks, block: Vec::new(), at: 0 }
    }

    /// The next line with its newline.
    fn line(&mut self) -> Option<&[u8]> {
        while self.at == self.block.len() {
            (self.block, self.at) = (self.blocks.recv().ok()?, 0);
        }
        let rest = &self.block[self.at..];
        let len = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
        self.at += len;
        Some(&self.block[self.at - len..self.at])
    }

    /// Copies the next `lines` to `out`; returns how many there were.
    pub fn copy(&mut self, lines: u64, out: &mut dyn Write) -> io::Result<u64> {
        for done in 0..lines {
            let Some(line) = self.line() else { return Ok(done) };
            out.write_all(line)?;
        }
        Ok(lines)
    }
}

/// A population of about `entries` facts, and more than that: 4 facts a decision, one account in `per_account` facts.
pub fn population(entries: u64, accounts: u64) -> Population {
    let accounts = accounts.max(inforce_population::FEWEST_ACCOUNTS);
    // Two facts an account stand before the first decision.
    let decisions = (entries.saturating_sub(accounts * 18 / 10) / 4).clamp(100, accounts * 1000);
    Population::new(decisions, accounts, 1, 5.0, false)
}

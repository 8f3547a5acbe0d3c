//! Progress for people: on stderr, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `len` steps of what `verb` says.
pub fn bar(verb: &'static str, len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>12} {bar:32.green} {human_pos} of {human_len}")
        .expect("a template of ours");
    ProgressBar::new(len).with_style(style.progress_chars("━╸─")).with_message(verb)
}

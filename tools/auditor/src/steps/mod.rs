//! A file for each step of "Checking". Each says what it found, or why it fails, in one line.

pub mod checkpoint;
pub mod completeness;
pub mod entries;
pub mod erasures;
pub mod lineage;
pub mod openings;
pub mod pins;
pub mod seal;
pub mod statements;
pub mod streams;
pub mod tree;

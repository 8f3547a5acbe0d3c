//! The auditor against bundles that `inforce` wrote, and against everybody who changes one.

mod cases;
mod cli;
mod example;
mod forge;
mod mutations;
mod works;
mod world;

//! The commands of `idm`, one module each.

pub mod batches;
pub mod bench;
pub mod degrade;
pub mod enhance;
pub mod evaluate;
pub mod files;
pub mod interrupt;
pub mod iterate;
#[cfg(feature = "detect")]
pub mod prepare;
pub mod progress;
pub mod restore;
pub mod restorer_args;
pub mod study;
pub mod train;

//! The commands of `idm`, one module each.

pub mod bench;
pub mod degrade;
pub mod evaluate;
pub mod files;
#[cfg(feature = "detect")]
pub mod prepare;
pub mod progress;
pub mod restore;
pub mod restorer_args;
pub mod train;

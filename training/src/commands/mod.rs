//! The commands of `idm`, one module each.

pub mod bench;
pub mod degrade;
pub mod evaluate;
pub mod files;
pub mod interrupt;
pub mod progress;
pub mod restore;
pub mod restorer_args;
pub mod train;

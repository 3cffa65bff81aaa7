//! `idm study`: what is in the page and its key, a rater's work in a real browser, and the tally.

mod browser;
#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod page;
mod tally;

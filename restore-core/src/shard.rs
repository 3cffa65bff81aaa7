// SPDX-License-Identifier: MIT OR Apache-2.0
//! A share of a list of work, so that several processes do it together.

use std::fmt;
use std::str::FromStr;

/// One of several equal parts of a list. Its entries are dealt out in turn, so the same list gives the same parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Part number `index`, from 0, of `count`; `None` where there is no such part.
    #[must_use]
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether entry number `entry` of the list, from 0, belongs to this part.
    #[must_use]
    pub fn holds(self, entry: usize) -> bool {
        entry % self.count == self.index
    }
}

/// A shard that is not written as i/n.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no shard: write i/n with i from 1 to n, for example 1/8 for the first of eight parts")]
pub struct ShardError(String);

impl FromStr for Shard {
    type Err = ShardError;

    /// Reads `i/n`, i from 1 to n.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        // `parse` alone would accept a sign.
        let whole = |text: &str| -> Option<usize> {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
        };
        let part = || {
            let (number, count) = text.split_once('/')?;
            Self::new(whole(number)?.checked_sub(1)?, whole(count)?)
        };
        part().ok_or_else(|| ShardError(text.to_owned()))
    }
}

impl fmt::Display for Shard {
    /// Writes `i/n`, i from 1 to n.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_one_and_share_out_every_file_once() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().unwrap()).into();
        for entry in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(entry)).count(), 1);
        }
        assert_eq!(shards[1].to_string(), "2/3");
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", "", "+1/3", "1/3/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong:?}");
        }
    }
}

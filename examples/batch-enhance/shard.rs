//! The part of the list that one job of an array does.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

/// One of `count` equal parts of the list: the files are dealt out in turn, so the same list gives the same parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether file number `file` of the list (from 0) belongs to this part.
    #[must_use]
    pub fn holds(self, file: usize) -> bool {
        file % self.count == self.index
    }

    /// The part that the environment of a Slurm or Kubernetes job array gives this job; all of the list outside of one.
    ///
    /// # Errors
    /// When the variables contradict each other or one is missing.
    pub fn of_job_array(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(text) = variable(name) else { return Ok(None) };
            let value = text.trim().parse();
            value
                .map(Some)
                .with_context(|| format!("{name} is {text:?} and no number; give --shard i/n instead"))
        };
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let count = number("SLURM_ARRAY_TASK_COUNT")?
                .context("SLURM_ARRAY_TASK_ID is set but SLURM_ARRAY_TASK_COUNT is not: give --shard i/n")?;
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let steps =
                id.checked_sub(first).filter(|distance| distance % step == 0).map(|distance| distance / step);
            let index = steps.filter(|&index| index < count).with_context(|| {
                format!("the job array has gaps (task {id}, first {first}, {count} tasks): use --array=A-B, or give --shard i/n")
            })?;
            return Ok(Self { index, count });
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let count = number("JOB_COMPLETIONS")?.context(
                "JOB_COMPLETION_INDEX is set but JOB_COMPLETIONS is not: set it in the pod's env to the job's completions, or give --shard i/n",
            )?;
            ensure!(index < count, "JOB_COMPLETION_INDEX {index} is not below JOB_COMPLETIONS {count}");
            return Ok(Self { index, count });
        }
        Ok(Self::WHOLE)
    }
}

impl FromStr for Shard {
    type Err = Error;

    /// Reads `i/n`, i from 1 to n, as `idm enhance --shard` does.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (number, count): (usize, usize) = parts.filter(|&(i, n)| (1..=n).contains(&i)).with_context(|| {
            format!("{text:?} is no shard: write i/n with i from 1 to n, for example 1/8 for the first of eight parts")
        })?;
        Ok(Self { index: number - 1, count })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_environment(variables: &[(&str, &str)]) -> Result<Shard> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Shard::of_job_array(find)
    }

    #[test]
    fn shards_count_from_one_and_share_out_every_file_once() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().unwrap()).into();
        for file in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(file)).count(), 1);
        }
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_slurm_array_may_start_anywhere() {
        let task = |id| {
            [("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_MIN", "5"), ("SLURM_ARRAY_TASK_COUNT", "4")]
        };
        assert_eq!(in_environment(&task("5")).unwrap().to_string(), "1/4");
        assert_eq!(in_environment(&task("8")).unwrap().to_string(), "4/4");
        assert!(in_environment(&task("9")).is_err());
        let stepped = [&task("9")[..], &[("SLURM_ARRAY_TASK_STEP", "2")]].concat();
        assert_eq!(in_environment(&stepped).unwrap().to_string(), "3/4");
    }

    #[test]
    fn a_kubernetes_job_counts_from_zero_and_must_say_how_many() {
        let complete = [("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")];
        assert_eq!(in_environment(&complete).unwrap().to_string(), "1/2");
        assert!(in_environment(&complete[..1]).unwrap_err().to_string().contains("JOB_COMPLETIONS"));
        assert_eq!(in_environment(&[]).unwrap(), Shard::WHOLE);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of the list that one job of an array does.

use anyhow::{Context, Result};
use restore_core::Shard;

/// The part that the environment of a Slurm or Kubernetes job array gives this job; all of the list outside of one.
///
/// # Errors
/// When the variables contradict each other or one is missing.
pub fn shard_of_job_array(variable: impl Fn(&str) -> Option<String>) -> Result<Shard> {
    let number = |name: &str| -> Result<Option<usize>> {
        let Some(text) = variable(name) else { return Ok(None) };
        let value = text.trim().parse();
        value.map(Some).with_context(|| format!("{name} is {text:?} and no number; give --shard i/n instead"))
    };
    if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
        let count = number("SLURM_ARRAY_TASK_COUNT")?
            .context("SLURM_ARRAY_TASK_ID is set but SLURM_ARRAY_TASK_COUNT is not: give --shard i/n")?;
        let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let steps =
            id.checked_sub(first).filter(|distance| distance % step == 0).map(|distance| distance / step);
        return steps.and_then(|index| Shard::new(index, count)).with_context(|| {
            format!("the job array has gaps (task {id}, first {first}, {count} tasks): use --array=A-B, or give --shard i/n")
        });
    }
    if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let count = number("JOB_COMPLETIONS")?.context(
            "JOB_COMPLETION_INDEX is set but JOB_COMPLETIONS is not: set it in the pod's env to the job's completions, or give --shard i/n",
        )?;
        return Shard::new(index, count)
            .with_context(|| format!("JOB_COMPLETION_INDEX {index} is not below JOB_COMPLETIONS {count}"));
    }
    Ok(Shard::WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_environment(variables: &[(&str, &str)]) -> Result<Shard> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        shard_of_job_array(find)
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

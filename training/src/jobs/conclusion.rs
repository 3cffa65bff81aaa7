// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a command over many pictures ends: what was done, and which pictures could not be.

use std::path::Path;

use super::files::Jobs;

/// Some pictures could not be done; each was named.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {} could not be {verb}, see above", counted(*.all))]
pub struct SomeFailed {
    failed: usize,
    all: usize,
    verb: &'static str,
}

/// Ends a command over many pictures: prints what was done, and fails when something could not be, like `cp`.
///
/// # Errors
/// When `failures`, the messages of broken pictures, is not empty, or some were no jobs because they cannot be read.
pub fn conclude(
    verb: &'static str,
    jobs: &Jobs,
    failures: &[String],
    output: &Path,
) -> Result<(), SomeFailed> {
    // Not those missing less the failures: a batch is read whole, also the pictures whose results are there.
    let done = jobs.missing.iter().filter(|job| job.is_done()).count();
    let before = match jobs.done_before() {
        0 => String::new(),
        count => format!("; {} there before", counted(count)),
    };
    println!("{} {verb} into {}{before}", counted(done), output.display());
    for failure in failures.iter().chain(&jobs.unreadable) {
        eprintln!("skipped: {failure}");
    }
    match failures.len() + jobs.unreadable.len() {
        0 => Ok(()),
        failed => Err(SomeFailed { failed, all: jobs.pictures(), verb }),
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") }
}

#[cfg(test)]
mod tests {
    use super::super::naming::Naming;
    use super::*;

    /// A batch is read whole when one of its results is missing, so pictures may fail whose results are there.
    #[test]
    fn more_pictures_may_fail_than_results_were_missing() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("input"), folder.path().join("output"));
        for folder in [&input, &output] {
            std::fs::create_dir(folder).unwrap();
        }
        for name in ["a.png", "b.png", "c.png", "d.png"] {
            std::fs::write(input.join(name), "").unwrap();
        }
        for name in ["a.png", "b.png"] {
            std::fs::write(output.join(name), "").unwrap();
        }
        let jobs = Jobs::list(&input, &output, Naming::Png).unwrap();
        assert_eq!((jobs.missing.len(), jobs.done_before()), (2, 2));
        std::fs::write(output.join("c.png"), "").unwrap();
        let failures = ["a", "b", "d"].map(|name| format!("{name}.png is broken"));
        let error = conclude("restored", &jobs, &failures, &output).unwrap_err();
        assert_eq!(error.to_string(), "3 of 4 pictures could not be restored, see above");
    }
}

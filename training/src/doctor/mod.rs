// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this machine has of what the project needs, and the remedy for what it lacks.

mod machine;
mod models;
mod programs;

use std::fmt;
use std::path::PathBuf;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it; none where it is right.
    pub remedy: Option<String>,
}

impl Finding {
    fn right(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, found: found.into(), remedy: None }
    }

    fn wrong(subject: &'static str, found: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self { subject, found: found.to_string(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.remedy.is_none() { "ok   " } else { "WRONG" };
        write!(f, "{mark}  {:<10} {}", self.subject, self.found)?;
        self.remedy.iter().try_for_each(|remedy| write!(f, "\n                  → {remedy}"))
    }
}

/// Looks at everything, what is cheap first; `tell` hears of each thing as soon as it is known. The models are looked for in
/// the folder `models`, or where programs look for those that were shipped with them.
pub fn examine(models: Option<PathBuf>, mut tell: impl FnMut(&Finding)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |finding: Finding| {
        tell(&finding);
        findings.push(finding);
    };
    add(machine::processor());
    add(machine::libtorch());
    add(machine::gpu());
    programs::all().into_iter().for_each(&mut add);
    let places = models::Places::new(models);
    add(models::detector(&places));
    for (subject, file) in models::RESTORERS {
        add(models::restorer(&places, subject, file));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_has_its_remedy_below() {
        assert_eq!(Finding::right("libtorch", "here").to_string(), "ok     libtorch   here");
        let wrong = Finding::wrong("model", "not found", "copy it");
        assert_eq!(wrong.to_string(), "WRONG  model      not found\n                  → copy it");
    }
}

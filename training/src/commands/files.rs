//! What a command over many pictures reads and writes, and how it reports pictures that it could not do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::picture;

/// A picture and where its result goes.
#[derive(Debug, Clone)]
pub struct Job {
    /// The picture to read.
    pub input: PathBuf,
    /// Its name without folder and ending.
    pub name: String,
    /// The PNG file to write.
    pub output: PathBuf,
}

/// The jobs still to do.
#[derive(Debug)]
pub struct Jobs {
    /// Every job, in the order of the names.
    pub all: Vec<Job>,
    /// Those without a result yet.
    pub missing: Vec<Job>,
}

impl Jobs {
    /// One job for the picture `input`, or one for each picture in the folder `input`: `NAME.png` in the folder
    /// `output`, which is made where missing. Results are written whole or not at all, so one that is there is done.
    ///
    /// # Errors
    /// When there are no pictures, two of them have the same name up to the ending, or a result would overwrite
    /// its own input.
    pub fn find(input: &Path, output: &Path) -> anyhow::Result<Self> {
        let folder = input.is_dir();
        let inputs = if folder { picture::list(input)? } else { vec![input.to_owned()] };
        ensure!(!inputs.is_empty(), "no PNG or JPEG pictures in {}", input.display());
        ensure!(folder || input.exists(), "cannot find {}", input.display());
        picture::prepare_output_folder(output)?;
        let source = if folder { Some(input) } else { input.parent() };
        let source = source.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let same = source.canonicalize().ok() == output.canonicalize().ok();
        ensure!(!same, "--output is the folder of --input, {}: choose another one", output.display());
        let mut seen: HashMap<String, PathBuf> = HashMap::new();
        let mut all = Vec::with_capacity(inputs.len());
        for input in inputs {
            let name = picture::stem(&input);
            let output = output.join(format!("{name}.png"));
            if let Some(other) = seen.insert(name.clone(), input.clone()) {
                bail!(
                    "{} and {} would both become {}: rename one of them",
                    other.display(),
                    input.display(),
                    output.display()
                );
            }
            all.push(Job { input, name, output });
        }
        let missing = all.iter().filter(|job| !job.output.exists()).cloned().collect();
        Ok(Self { all, missing })
    }

    /// How many results were there before.
    #[must_use]
    pub fn done_before(&self) -> usize {
        self.all.len() - self.missing.len()
    }
}

/// Ends a command over many pictures: prints what was done, and fails when something could not be, like `cp`.
///
/// # Errors
/// When `failures`, the messages of broken pictures, is not empty.
pub fn conclude(verb: &str, jobs: &Jobs, failures: &[String], output: &Path) -> anyhow::Result<()> {
    let done = jobs.missing.len() - failures.len();
    let counted =
        |count: usize| if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") };
    let before = match jobs.done_before() {
        0 => String::new(),
        count => format!("; {} there before", counted(count)),
    };
    println!("{} {verb} into {}{before}", counted(done), output.display());
    for failure in failures {
        eprintln!("skipped: {failure}");
    }
    let failed = failures.len();
    (failed == 0)
        .then_some(())
        .with_context(|| format!("{} of {} could not be {verb}, see above", failed, counted(jobs.all.len())))
}

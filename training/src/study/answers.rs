// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CSV files that raters save from the page.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::error::StudyError;
use super::key::{FaceKey, Key};

/// The columns, in the order in which the page writes them. `order` holds the pictures' codes from the first position
/// on, separated by spaces; `choice` one of them or [`UNDECIDED`].
pub const COLUMNS: [&str; 7] = ["study", "rater", "question", "face", "order", "choice", "milliseconds"];

/// The choice of a rater who could not decide.
pub const UNDECIDED: &str = "undecided";

/// What one rater chose for one face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Index in [`Answers::raters`].
    pub rater: usize,
    /// Index of the question in the key.
    pub question: usize,
    /// Index of the face among the key's faces, in the order of their codes.
    pub face: usize,
    /// The systems, by their indices in the key, in the order of their positions.
    pub order: Vec<usize>,
    /// The position chosen; `None` for "can't decide".
    pub choice: Option<usize>,
    /// How long the face was on the screen until then.
    pub milliseconds: u64,
}

impl Answer {
    /// The system chosen.
    #[must_use]
    pub fn system(&self) -> Option<usize> {
        self.choice.map(|position| self.order[position])
    }
}

/// A line that cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLine {
    /// The file.
    pub path: PathBuf,
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.path.display(), self.line, self.reason)
    }
}

/// The answers of all files.
#[derive(Debug, Default)]
pub struct Answers {
    /// The raters, in the order in which they appear.
    pub raters: Vec<String>,
    /// Every answer once.
    pub all: Vec<Answer>,
    /// Lines that say the same as an earlier one: a file given twice, or saved again with more answers in it.
    pub repeated: usize,
    /// Lines left out.
    pub broken: Vec<BrokenLine>,
}

/// Reads the answers of all `files`. Broken lines are left out and listed. So is a second, different answer of a rater
/// to a question about a face: whether that is a change of mind or another person of the same name, a person must say.
///
/// # Errors
/// [`StudyError`] for a file that cannot be read, has other columns or answers another study.
pub fn read(key: &Key, files: &[PathBuf]) -> Result<Answers, StudyError> {
    let codes = key.faces.keys().enumerate().map(|(index, code)| (code.as_str(), index)).collect();
    let mut reading = Reading { key, codes, answers: Answers::default(), first: HashMap::new() };
    for file in files {
        reading.read(file)?;
    }
    Ok(reading.answers)
}

struct Reading<'a> {
    key: &'a Key,
    /// Indices of the faces by their codes.
    codes: HashMap<&'a str, usize>,
    answers: Answers,
    /// Where the answer of a rater to a question about a face is in `answers.all`, and where it came from.
    first: HashMap<(usize, usize, usize), (usize, String)>,
}

impl Reading<'_> {
    fn read(&mut self, path: &Path) -> Result<(), StudyError> {
        let failed =
            |error: csv::Error| StudyError::Read { path: path.to_owned(), reason: error.to_string() };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(failed)?;
        let same = reader.headers().is_ok_and(|header| header.iter().map(str::trim).eq(COLUMNS));
        if !same {
            return Err(StudyError::Columns { path: path.to_owned(), columns: COLUMNS.join(",") });
        }
        for record in reader.records() {
            let (line, outcome) = match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    (line, self.count(path, line, &record)?)
                }
                Err(error) if error.is_io_error() => return Err(failed(error)),
                Err(error) => (
                    error.position().map_or(0, csv::Position::line),
                    Err("it is not text in UTF-8".to_owned()),
                ),
            };
            if let Err(reason) = outcome {
                self.answers.broken.push(BrokenLine { path: path.to_owned(), line, reason });
            }
        }
        Ok(())
    }

    /// Takes a line in. The inner error says what is wrong with it.
    fn count(
        &mut self,
        path: &Path,
        line: u64,
        record: &StringRecord,
    ) -> Result<Result<(), String>, StudyError> {
        let study = record.get(0).unwrap_or_default();
        if record.len() == COLUMNS.len() && study != self.key.study {
            let (found, key) = (study.to_owned(), self.key.study.clone());
            return Err(StudyError::OtherStudy { path: path.to_owned(), found, key });
        }
        let place = format!("{}, line {line}", path.display());
        Ok(self.parse(record).and_then(|answer| {
            let rater = record.get(1).unwrap_or_default().trim();
            self.add(rater, answer, place)
        }))
    }

    /// The answer of a line, its rater still 0.
    fn parse(&self, record: &StringRecord) -> Result<Answer, String> {
        let fields: Vec<&str> = record.iter().map(str::trim).collect();
        let [_, rater, question, face, order, choice, milliseconds] = fields[..] else {
            return Err(format!("it has {} columns instead of {}", fields.len(), COLUMNS.len()));
        };
        if rater.is_empty() {
            return Err("it names no rater".to_owned());
        }
        let questions = self.key.questions.len();
        let number: usize = question.parse().unwrap_or_default();
        if !(1..=questions).contains(&number) {
            return Err(format!("there is no question {question:?}, they are 1 to {questions}"));
        }
        let unknown = || format!("there is no face {face:?} in this study");
        let &index = self.codes.get(face).ok_or_else(unknown)?;
        let shown: Vec<&str> = order.split_whitespace().collect();
        let order = systems(&shown, &self.key.faces[face])
            .ok_or_else(|| format!("{order:?} are not the pictures of face {face}"))?;
        let choice = match choice {
            UNDECIDED => None,
            code => Some(shown.iter().position(|&shown| shown == code).ok_or_else(|| {
                format!("the choice {code:?} is neither a picture of its face nor {UNDECIDED:?}")
            })?),
        };
        let milliseconds =
            milliseconds.parse().map_err(|_| format!("{milliseconds:?} is no number of milliseconds"))?;
        Ok(Answer { rater: 0, question: number - 1, face: index, order, choice, milliseconds })
    }

    fn add(&mut self, name: &str, mut answer: Answer, place: String) -> Result<(), String> {
        let raters = &mut self.answers.raters;
        answer.rater = raters.iter().position(|rater| rater == name).unwrap_or_else(|| {
            raters.push(name.to_owned());
            raters.len() - 1
        });
        let id = (answer.rater, answer.question, answer.face);
        if let Some((index, earlier)) = self.first.get(&id) {
            if self.answers.all[*index] != answer {
                return Err(format!(
                    "{name} answered this otherwise in {earlier}, which counts: if these are two people, give one of them \
                     another name; if not, leave one file out"
                ));
            }
            self.answers.repeated += 1;
            return Ok(());
        }
        self.first.insert(id, (self.answers.all.len(), place));
        self.answers.all.push(answer);
        Ok(())
    }
}

/// The systems behind the codes of a face; `None` unless it is every picture of the face once.
fn systems(shown: &[&str], face: &FaceKey) -> Option<Vec<usize>> {
    let systems: Vec<usize> =
        shown.iter().map(|&code| face.pictures.get(code).copied()).collect::<Option<_>>()?;
    let mut sorted = systems.clone();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..face.pictures.len()).then_some(systems)
}

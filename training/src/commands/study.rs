// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm study`: makes the page of a user study, and tallies what raters saved from it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;

use crate::evaluate::RestoredFolder;
use crate::jobs::progress;
use crate::picture::{self, Format};
use crate::study::StudyError;
use crate::study::answers::{self, Answers};
use crate::study::faces::{self, FaceFiles};
use crate::study::key::Key;
use crate::study::page::{PAPER_QUESTION, PageBuilder};
use crate::study::statistics::Interval;
use crate::study::tally::{QuestionTally, Tally};

/// Below the tables.
const NOTES: &str = "
The bootstrap draws raters and faces anew, so its intervals hold for others of both, as far as there are several.
Wilson's intervals take every answer as independent, which makes them too narrow when raters or faces differ.
The sign test counts faces, won by the system chosen more often; p is corrected for the number of pairs (Holm).
The test of the positions draws them anew.
";

/// Ask people which system restores best (the paper's Table 3), and tally their answers
///
/// Make the page:
///   idm study --truth DIR --restored NAME=DIR --restored NAME=DIR … --output page.html
///
/// Tally the answers:
///   idm study --tally page.key.json ANSWERS.csv …
///
/// The page is one file that needs no network. It shows each true face beside the results of all systems, which only
/// codes name, in an order that differs from face to face and from rater to rater. Send page.html to the raters and
/// keep page.key.json to yourself: it says which code is which system. A rater opens the page in a browser, chooses
/// by mouse, touch or number keys, and at the end saves a CSV file and sends it back.
///
/// Pictures belong together when their names are the same up to the ending.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct StudyArgs {
    /// Folder of true faces (any pictures)
    #[arg(long, value_name = "DIR", help_heading = "Page", required_unless_present = "tally")]
    truth: Option<PathBuf>,
    /// A system's name and the folder of its results; give it once for each of 2 to 9 systems
    #[arg(long, value_name = "NAME=DIR", help_heading = "Page", required_unless_present = "tally")]
    restored: Vec<RestoredFolder>,
    /// Folder of the systems' inputs, to be shown as well
    #[arg(long, value_name = "DIR", help_heading = "Page")]
    degraded: Option<PathBuf>,
    /// The page to write; its key is written beside it, page.html has page.key.json
    #[arg(long, value_name = "FILE", help_heading = "Page", required_unless_present = "tally")]
    output: Option<PathBuf>,
    /// What to ask about each face; give it again for more questions
    #[arg(long, value_name = "TEXT", help_heading = "Page", default_value = PAPER_QUESTION)]
    question: Vec<String>,
    /// Pixels along the longer side of every picture [default: as the true face]
    #[arg(long, value_name = "N", help_heading = "Page", value_parser = clap::value_parser!(u32).range(16..=4096))]
    size: Option<u32>,
    /// Embed pictures as PNG, lossless and some three times as large, instead of JPEG of quality 95
    #[arg(long, help_heading = "Page")]
    png: bool,
    /// Take the first N faces only
    #[arg(long, value_name = "N", help_heading = "Page")]
    limit: Option<usize>,
    /// Seed of the codes and the positions
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Page")]
    seed: u64,
    /// Tally the answers to the page of this key
    #[arg(
        long, value_name = "KEY", help_heading = "Tally", requires = "answers",
        conflicts_with_all = ["truth", "restored", "degraded", "output", "question", "size", "png", "limit", "seed"]
    )]
    tally: Option<PathBuf>,
    /// The files that raters saved
    #[arg(value_name = "CSV", help_heading = "Tally", requires = "tally")]
    answers: Vec<PathBuf>,
    /// Write all figures to this file as well
    #[arg(long, value_name = "FILE", help_heading = "Tally", requires = "tally")]
    json: Option<PathBuf>,
}

/// Makes the page, or tallies.
///
/// # Errors
/// Pictures, keys and answers that are missing, broken or do not fit together, and files that cannot be written.
pub fn run(args: &StudyArgs) -> anyhow::Result<()> {
    if let Some(key) = &args.tally {
        return tally(key, &args.answers, args.json.as_deref());
    }
    // clap has seen to it that both are there.
    let truth = args.truth.as_deref().context("--truth DIR is missing")?;
    let output = args.output.as_deref().context("--output FILE is missing")?;
    let is_html = output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    ensure!(is_html, "{} would not open in a browser: let --output end in .html", output.display());
    let faces = faces::find(truth, &args.restored, args.degraded.as_deref(), args.limit)?;
    let (html, key) = build(args, &faces)?.finish()?;
    let key_path = Key::path_of(output);
    let new = key.write_new(&key_path)?;
    if let Err(error) = picture::write_atomically(output, html.as_bytes()) {
        if new {
            // A key without its page is of no use. The error above is the one to report.
            let _ = std::fs::remove_file(&key_path);
        }
        return Err(error.into());
    }
    println!(
        "{}: study {}, {} faces of {} systems, {}, {:.1} MB. Send it to the raters.",
        output.display(),
        key.study,
        key.faces.len(),
        key.systems.len(),
        key.encoding,
        html.len() as f64 / 1e6
    );
    println!(
        "{}: which code is which system. Keep it for the tally, and from the raters.",
        key_path.display()
    );
    Ok(())
}

/// Reads all faces. Every broken picture is named.
fn build(args: &StudyArgs, faces: &[FaceFiles]) -> anyhow::Result<PageBuilder> {
    let format = if args.png { Format::Png } else { Format::Jpeg };
    let systems = args.restored.iter().map(|system| system.name.clone()).collect();
    let mut builder = PageBuilder::new(systems, args.question.clone(), format, args.seed);
    let bar = progress::bar(faces.len(), "faces");
    let mut broken = Vec::new();
    for face in faces {
        match face.read(args.size) {
            Ok(pictures) => builder.add(&face.name, &pictures)?,
            Err(error) => broken.push(error.to_string()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if broken.is_empty() { Ok(builder) } else { Err(StudyError::Unusable(broken).into()) }
}

fn tally(key: &Path, files: &[PathBuf], json: Option<&Path>) -> anyhow::Result<()> {
    let key = Key::read(key)?;
    let answers = answers::read(&key, files)?;
    let tally = Tally::of(&key, &answers);
    if let Some(tally) = &tally {
        print!("{}", table(tally, &answers));
        if let Some(path) = json {
            picture::write_atomically(path, &serde_json::to_vec_pretty(tally)?)?;
        }
    }
    for line in &answers.broken {
        eprintln!("left out: {line}");
    }
    let broken = answers.broken.len();
    let lines = broken + answers.repeated + answers.all.len();
    ensure!(broken == 0, "{broken} of {lines} lines of answers could not be counted, see above");
    tally.map(|_| ()).ok_or_else(|| StudyError::NoAnswers.into())
}

fn table(tally: &Tally, answers: &Answers) -> String {
    let mut text = format!("study {}: {} faces, {} raters\n", tally.study, tally.faces, tally.raters.len());
    let asked = tally.faces * tally.questions.len();
    for rater in &tally.raters {
        text += &format!(
            "  {}: {} of {asked} answers, {} undecided, {:.1} s each (median)\n",
            rater.rater,
            rater.answers,
            rater.undecided,
            rater.median_milliseconds as f64 / 1000.0
        );
    }
    if answers.repeated > 0 {
        text += &format!("  {} answers were there twice and count once\n", answers.repeated);
    }
    tally.questions.iter().for_each(|question| text += &question_table(question));
    text += NOTES;
    text
}

fn question_table(tally: &QuestionTally) -> String {
    let width =
        tally.preferences.iter().map(|preference| preference.system.chars().count()).max().unwrap_or(0);
    let width = width.max("system".len());
    let interval =
        |interval: Interval| format!("[{:5.1}, {:5.1}]", 100.0 * interval.low, 100.0 * interval.high);
    let mut text = format!(
        "\n{}\n{} answers, {} of them undecided\n{:<width$}  {:>9}  {:>7}  95 % by bootstrap  95 % by Wilson\n",
        tally.question, tally.answers, tally.undecided, "system", "preferred", "answers"
    );
    for preference in &tally.preferences {
        text += &format!(
            "{:<width$}  {:>7.1} %  {:>7}  {:>17}  {:>14}\n",
            preference.system,
            100.0 * preference.share,
            preference.choices,
            interval(preference.bootstrap),
            interval(preference.wilson)
        );
    }
    for pair in &tally.pairs {
        let [left, right] = &pair.systems;
        text += &format!(
            "{left} : {right} = {} : {} answers, {} : {} faces ({} tied), sign test p {}\n",
            pair.choices[0],
            pair.choices[1],
            pair.faces_won[0],
            pair.faces_won[1],
            pair.faces_tied,
            p_value(pair.p_holm)
        );
    }
    let positions: Vec<String> = tally.positions.choices.iter().map(usize::to_string).collect();
    text += &format!(
        "chosen by position, from the first: {} (p {}{})\n",
        positions.join(", "),
        p_value(tally.positions.p),
        if tally.positions.p < 0.05 { ": raters favour a position" } else { "" }
    );
    text
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

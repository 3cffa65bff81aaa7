// SPDX-License-Identifier: MIT OR Apache-2.0
//! TOML to a configuration, with the line, the whole key and a suggestion for what cannot be understood.

use std::fmt;

use serde::de::DeserializeOwned;

/// Names less alike than this (Jaro-Winkler, 0 to 1) are no suggestion.
const LEAST_SIMILARITY: f64 = 0.8;

/// What is wrong with a TOML text, and where.
#[derive(Debug)]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: usize,
    /// The key with its tables, as in `optimiser.learning_rate`; empty when the text is no TOML at all.
    pub key: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The kinds of a [`ParseError`].
#[derive(Debug)]
pub enum Problem {
    /// There is no such key.
    UnknownKey {
        /// The most similar of the keys there are.
        suggestion: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
    /// The key takes one of some words, not this one.
    UnknownChoice {
        /// What was written.
        value: String,
        /// The most similar choice.
        suggestion: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
    /// Not TOML, a missing key, or a value of the wrong type; in the parser's words.
    Other(String),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, problem } = self;
        write!(f, "line {line}: ")?;
        let suggest = |f: &mut fmt::Formatter<'_>, suggestion: &Option<String>| match suggestion {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => write!(f, "."),
        };
        match problem {
            Problem::UnknownKey { suggestion, known } => {
                write!(f, "unknown key {key}")?;
                suggest(f, suggestion)?;
                write!(f, " There is {}", known.join(", "))
            }
            Problem::UnknownChoice { value, suggestion, known } => {
                write!(f, "{key} is {value:?}")?;
                suggest(f, suggestion)?;
                write!(f, " It can be {}", known.join(", "))
            }
            Problem::Other(reason) if key.is_empty() => f.write_str(reason),
            Problem::Other(reason) => write!(f, "{key}: {reason}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads `text` as a `T`.
///
/// # Errors
/// [`ParseError`] for the first thing that is wrong.
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let parsed = toml::Deserializer::parse(text).map_err(|error| locate(text, String::new(), &error))?;
    serde_path_to_error::deserialize(parsed).map_err(|error| {
        let path = error.path().to_string();
        locate(text, if path == "." { String::new() } else { path }, error.inner())
    })
}

fn locate(text: &str, key: String, error: &toml::de::Error) -> ParseError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1;
    ParseError { line, key, problem: diagnose(error.message()) }
}

/// Takes apart what serde's derived code says, as in "unknown field `a`, expected one of `b`, `c`".
fn diagnose(message: &str) -> Problem {
    let parts = |prefix| -> Option<(String, Vec<String>)> {
        let mut quoted = message.strip_prefix(prefix)?.split('`').skip(1).step_by(2).map(str::to_owned);
        Some((quoted.next()?, quoted.collect()))
    };
    if let Some((name, known)) = parts("unknown field ") {
        Problem::UnknownKey { suggestion: most_similar(&name, &known), known }
    } else if let Some((value, known)) = parts("unknown variant ") {
        Problem::UnknownChoice { suggestion: most_similar(&value, &known), value, known }
    } else {
        Problem::Other(message.trim_end().to_owned())
    }
}

fn most_similar(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::TrainConfig;

    fn message(from: &str, to: &str) -> String {
        let text = include_str!("../../../configs/tiny.toml");
        assert!(text.contains(from));
        from_toml::<TrainConfig>(&text.replace(from, to)).unwrap_err().to_string()
    }

    /// The line that holds `text` in tiny.toml.
    fn line(text: &str) -> String {
        let lines = include_str!("../../../configs/tiny.toml").lines();
        let number = lines.enumerate().find(|(_, line)| line.contains(text)).unwrap().0 + 1;
        format!("line {number}: ")
    }

    #[test]
    fn an_unknown_key_is_named_with_its_tables_and_line_and_the_nearest_key_suggested() {
        let text = message("learning_rate = 2e-3", "learning_rat = 2e-3");
        let expected = "unknown key optimiser.learning_rat; did you mean `learning_rate`? There is ";
        assert!(text.starts_with(&(line("learning_rate") + expected)), "{text}");
        assert!(text.contains("weight_decay"), "{text}");
        let text = message("patch = 2", "pach = 2");
        assert!(text.contains("unknown key model.unet.pach; did you mean `patch`?"), "{text}");
        let text = message("[optimiser]", "[optimizer]");
        assert!(text.contains("unknown key optimizer; did you mean `optimiser`?"), "{text}");
        let text = message("ema = 0.95", "zzz = 1");
        assert!(text.contains("unknown key run.zzz. There is iterations"), "{text}");
    }

    #[test]
    fn an_unknown_choice_is_suggested_too() {
        let text = message("schedule = \"linear\"", "schedule = \"liner\"");
        assert!(text.starts_with(&line("schedule")), "{text}");
        assert!(text.contains("model.diffusion.schedule is \"liner\"; did you mean `linear`?"), "{text}");
        let text = message("warmup = 10", "decay = \"cosin\"");
        assert!(
            text.contains("optimiser.decay is \"cosin\"; did you mean `cosine`? It can be constant, cosine")
        );
    }

    #[test]
    fn other_mistakes_keep_the_parsers_words() {
        let text = message("batch = 8", "batch = \"eight\"");
        assert!(text.starts_with(&line("batch = 8")), "{text}");
        assert!(text.contains("run.batch: invalid type: string \"eight\""), "{text}");
        let text = message("blocks = [1, 1]", "blocks = [1, -1]");
        assert!(text.contains("model.unet.blocks[1]: invalid value: integer `-1`"), "{text}");
        let text = message("batch = 8", "batch = ");
        assert!(text.starts_with(&line("batch = 8")), "{text}");
        let text = message("batch = 8", "");
        assert!(text.contains("run: missing field `batch`"), "{text}");
    }
}

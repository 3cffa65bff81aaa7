// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts the answers of a study: preferences, wins between two systems, and whether raters favoured a position.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::answers::{Answer, Answers};
use super::key::Key;
use super::page::balanced_orders;
use super::statistics::{Choice, Interval, bootstrap, chi_squared, holm, sign_test, wilson};

/// How often [`Positions::p`] draws the positions anew.
const REDRAWS: usize = 2000;

/// The figures of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// The study's code.
    pub study: String,
    /// How many faces each rater was to see.
    pub faces: usize,
    /// The raters.
    pub raters: Vec<RaterTally>,
    /// The figures of each question.
    pub questions: Vec<QuestionTally>,
}

/// What one rater did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaterTally {
    /// The rater's name.
    pub rater: String,
    /// Answers, "can't decide" included.
    pub answers: usize,
    /// Times that the rater could not decide.
    pub undecided: usize,
    /// Median time for an answer.
    pub median_milliseconds: u64,
}

/// The figures of one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuestionTally {
    /// The question.
    pub question: String,
    /// Answers, "can't decide" included.
    pub answers: usize,
    /// Answers "can't decide", which count for no system.
    pub undecided: usize,
    /// In the order of the key's systems.
    pub preferences: Vec<Preference>,
    /// Every two systems.
    pub pairs: Vec<Pair>,
    /// Which positions were chosen.
    pub positions: Positions,
}

/// How often a system was chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preference {
    /// Its name.
    pub system: String,
    /// How often it was chosen.
    pub choices: usize,
    /// Its share of the answers that chose a system, 0 to 1.
    pub share: f64,
    /// The share's 95 % interval by [`bootstrap`] over raters and faces.
    pub bootstrap: Interval,
    /// The share's 95 % interval by [`wilson`], which takes every answer for independent of all others.
    pub wilson: Interval,
}

/// Two systems against each other, where either was chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The names.
    pub systems: [String; 2],
    /// How often each was chosen.
    pub choices: [usize; 2],
    /// On how many faces each was chosen more often than the other.
    pub faces_won: [usize; 2],
    /// On how many faces both were chosen equally often, and at least once.
    pub faces_tied: usize,
    /// p of the [`sign_test`] over the faces won (answers about one face are no independent trials).
    pub p: f64,
    /// The same after Holm's correction for the number of pairs.
    pub p_holm: f64,
}

/// The check for a bias of position.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Positions {
    /// How often each position was chosen, from the first on.
    pub choices: Vec<usize>,
    /// How likely counts at least as uneven are when raters choose by system alone: a randomisation test that draws the
    /// positions anew, as the page does.
    pub p: f64,
}

impl Tally {
    /// Counts the answers; `None` without any.
    #[must_use]
    pub fn of(key: &Key, answers: &Answers) -> Option<Self> {
        if answers.all.is_empty() {
            return None;
        }
        let raters = answers.raters.iter().enumerate().map(|(index, rater)| {
            let mine: Vec<&Answer> = answers.all.iter().filter(|answer| answer.rater == index).collect();
            let mut times: Vec<u64> = mine.iter().map(|answer| answer.milliseconds).collect();
            times.sort_unstable();
            RaterTally {
                rater: rater.clone(),
                answers: mine.len(),
                undecided: mine.iter().filter(|answer| answer.choice.is_none()).count(),
                median_milliseconds: times.get(times.len() / 2).copied().unwrap_or_default(),
            }
        });
        let questions = key.questions.iter().enumerate().map(|(index, question)| {
            let about: Vec<&Answer> = answers.all.iter().filter(|answer| answer.question == index).collect();
            QuestionTally::of(key, question, &about)
        });
        Some(Self {
            study: key.study.clone(),
            faces: key.faces.len(),
            raters: raters.collect(),
            questions: questions.collect(),
        })
    }
}

impl QuestionTally {
    fn of(key: &Key, question: &str, answers: &[&Answer]) -> Self {
        let systems = key.systems.len();
        let choices: Vec<Choice> = answers
            .iter()
            .filter_map(|answer| {
                answer.system().map(|system| Choice { rater: answer.rater, face: answer.face, system })
            })
            .collect();
        let intervals = bootstrap(&choices, systems);
        let preferences = key.systems.iter().enumerate().map(|(system, name)| {
            let count = choices.iter().filter(|choice| choice.system == system).count();
            Preference {
                system: name.clone(),
                choices: count,
                share: count as f64 / choices.len().max(1) as f64,
                bootstrap: intervals.as_ref().map_or(Interval { low: 0.0, high: 1.0 }, |all| all[system]),
                wilson: wilson(count, choices.len()),
            }
        });
        Self {
            question: question.to_owned(),
            answers: answers.len(),
            undecided: answers.len() - choices.len(),
            preferences: preferences.collect(),
            pairs: pairs(key, &choices),
            positions: Positions::of(systems, answers),
        }
    }
}

fn pairs(key: &Key, choices: &[Choice]) -> Vec<Pair> {
    let systems = key.systems.len();
    // How often each system was chosen on each face.
    let mut counts = vec![vec![0_usize; systems]; key.faces.len()];
    for choice in choices {
        counts[choice.face][choice.system] += 1;
    }
    let two = (0..systems).flat_map(|left| (left + 1..systems).map(move |right| (left, right)));
    let mut pairs: Vec<Pair> = two
        .map(|(left, right)| {
            let faces_won = [(left, right), (right, left)]
                .map(|(one, other)| counts.iter().filter(|face| face[one] > face[other]).count());
            Pair {
                systems: [left, right].map(|system| key.systems[system].clone()),
                choices: [left, right].map(|system| counts.iter().map(|face| face[system]).sum()),
                faces_won,
                faces_tied: counts.iter().filter(|face| face[left] == face[right] && face[left] > 0).count(),
                p: sign_test(faces_won[0], faces_won[1]),
                p_holm: 1.0,
            }
        })
        .collect();
    let corrected = holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>());
    pairs.iter_mut().zip(corrected).for_each(|(pair, p)| pair.p_holm = p);
    pairs
}

impl Positions {
    fn of(systems: usize, answers: &[&Answer]) -> Self {
        let mut choices = vec![0; systems];
        for position in answers.iter().filter_map(|answer| answer.choice) {
            choices[position] += 1;
        }
        let observed = chi_squared(&choices);
        let raters = answers.iter().map(|answer| answer.rater + 1).max().unwrap_or(0);
        let faces = answers.iter().map(|answer| answer.face + 1).max().unwrap_or(0);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let as_uneven = (0..REDRAWS).filter(|_| {
            let orders = balanced_orders(faces, systems, &mut rng);
            let rotations: Vec<usize> = (0..raters).map(|_| rng.random_range(0..systems)).collect();
            let mut redrawn = vec![0; systems];
            for answer in answers {
                let Some(system) = answer.system() else { continue };
                let order = &orders[answer.face];
                let position = order.iter().position(|&at| at == system).unwrap_or_default();
                redrawn[(position + rotations[answer.rater]) % systems] += 1;
            }
            // Counts are whole numbers, so a difference below this is rounding.
            chi_squared(&redrawn) >= observed - 1e-9
        });
        // The observed positions are one more draw (Phipson and Smyth 2010: a p of 0 cannot be).
        let p = (as_uneven.count() + 1) as f64 / (REDRAWS + 1) as f64;
        Self { choices, p }
    }
}

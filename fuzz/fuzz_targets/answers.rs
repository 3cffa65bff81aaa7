// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CSV file of a rater: any bytes are answers that can be counted, or lines that are named.
#![no_main]

use std::collections::BTreeMap;

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;
use training::study::answers;
use training::study::key::{FaceKey, Key};
use training::study::tally::Tally;

/// The bootstrap draws anew for each answer; more of them are no new path.
const MOST_ANSWERS: usize = 8;

fn key() -> Key {
    let face = |name: &str, codes: [&str; 2]| FaceKey {
        name: name.to_owned(),
        pictures: BTreeMap::from([(codes[0].to_owned(), 0), (codes[1].to_owned(), 1)]),
    };
    Key {
        study: "s".to_owned(),
        seed: 1,
        encoding: "png".to_owned(),
        questions: vec!["Which is sharper?".to_owned(), "Which is truer?".to_owned()],
        systems: vec!["ours".to_owned(), "theirs".to_owned()],
        faces: BTreeMap::from([
            ("f".to_owned(), face("one", ["a", "b"])),
            ("g".to_owned(), face("two", ["c", "d"])),
        ]),
    }
}

fuzz_target!(|input: &[u8]| {
    let header = format!("{}\n", answers::COLUMNS.join(","));
    let key = key();
    let files = [file("answers.csv", &[header.as_bytes(), input].concat())];
    let Ok(answers) = answers::read(&key, &files) else { return };
    if answers.all.len() > MOST_ANSWERS {
        return;
    }
    if let Some(tally) = Tally::of(&key, &answers) {
        let counted: usize = tally.questions.iter().map(|question| question.answers).sum();
        assert_eq!(counted, answers.all.len());
    }
});

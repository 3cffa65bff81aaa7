// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `--tally` makes of files of answers.

use std::collections::BTreeMap;

use serde_json::Value;
use training::study::key::Key;

use crate::common::{failed, idm, succeeded};
use crate::fixture::Study;

/// The code of a system's picture of a face.
fn code_of(key: &Key, face: &str, system: &str) -> String {
    let index = key.systems.iter().position(|name| name == system).unwrap();
    key.faces[face].pictures.iter().find(|&(_, &at)| at == index).unwrap().0.clone()
}

/// A file of answers: for each rater and face the system chosen.
fn answers(key: &Key, choices: &[(&str, [&str; 5])]) -> String {
    let mut text = "study,rater,question,face,order,choice,milliseconds\n".to_owned();
    for (rater, chosen) in choices {
        for ((code, face), system) in key.faces.iter().zip(chosen) {
            let order: Vec<&str> = face.pictures.keys().map(String::as_str).collect();
            let choice =
                if *system == "undecided" { (*system).to_owned() } else { code_of(key, code, system) };
            text += &format!("{},{rater},1,{code},{},{choice},2500\n", key.study, order.join(" "));
        }
    }
    text
}

#[test]
fn the_tally_counts_what_was_chosen() {
    let study = Study::new();
    let key = study.key();
    let (one, two) = (study.path("one.csv"), study.path("two.csv"));
    std::fs::write(
        &one,
        answers(
            &key,
            &[
                ("ann", ["Zebra", "Zebra", "Zebra", "Quagga", "undecided"]),
                ("bob", ["Zebra", "Quagga", "Zebra", "Zebra", "Zebra"]),
            ],
        ),
    )
    .unwrap();
    std::fs::write(&two, answers(&key, &[("cy", ["Zebra", "Zebra", "Zebra", "Quagga", "Zebra"])])).unwrap();
    // The first file a second time changes nothing.
    let (output, tally) = study.tally(&[&one, &two, &one]);
    let table = succeeded(&output);
    assert!(table.contains("3 raters") && table.contains("10 answers were there twice"), "{table}");
    assert!(table.contains("ann: 5 of 5 answers, 1 undecided, 2.5 s"), "{table}");
    let question = &tally["questions"][0];
    assert_eq!((&question["answers"], &question["undecided"]), (&15.into(), &1.into()));
    let by_system: BTreeMap<&str, &Value> = question["preferences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|preference| (preference["system"].as_str().unwrap(), preference))
        .collect();
    for (system, choices) in [("Zebra", 11), ("Quagga", 3), ("Okapi", 0)] {
        assert_eq!(by_system[system]["choices"], choices);
        let share = by_system[system]["share"].as_f64().unwrap();
        assert!((share - f64::from(choices) / 14.0).abs() < 1e-12);
        let [low, high] = ["low", "high"].map(|end| by_system[system]["bootstrap"][end].as_f64().unwrap());
        assert!(low <= share && share <= high && (choices == 0 || low < high));
    }
    assert!(table.contains("Zebra      78.6 %       11     ["), "{table}");
    // Face by face Zebra : Quagga = 3:0, 2:1, 3:0, 1:2, 2:0; so 4 faces to 1: p = 2 · (1 + 5) / 2⁵.
    let pair = &question["pairs"][0];
    assert_eq!(pair["systems"], serde_json::json!(["Zebra", "Quagga"]));
    assert_eq!(pair["faces_won"], serde_json::json!([4, 1]));
    assert_eq!(pair["p"], 0.375);
    // Against Okapi, which no one chose, Zebra wins all five, 2 · 1 / 2⁵, which Holm multiplies by 3 pairs.
    let pair = &question["pairs"][1];
    assert_eq!((&pair["p"], &pair["p_holm"]), (&0.0625.into(), &0.1875.into()));
    let positions = question["positions"]["choices"].as_array().unwrap();
    assert_eq!(positions.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 14);
}

#[test]
fn raters_who_always_take_the_first_are_seen() {
    let study = Study::new();
    let key = study.key();
    let mut text = "study,rater,question,face,order,choice,milliseconds\n".to_owned();
    for rater in 0..6 {
        for (index, (code, face)) in key.faces.iter().enumerate() {
            let mut order: Vec<&str> = face.pictures.keys().map(String::as_str).collect();
            order.rotate_left((rater + index) % 3);
            text += &format!("{},r{rater},1,{code},{},{},900\n", key.study, order.join(" "), order[0]);
        }
    }
    let file = study.path("first.csv");
    std::fs::write(&file, text).unwrap();
    let (output, tally) = study.tally(&[&file]);
    assert!(succeeded(&output).contains("raters favour a position"));
    let positions = &tally["questions"][0]["positions"];
    assert_eq!(positions["choices"], serde_json::json!([30, 0, 0]));
    assert!(positions["p"].as_f64().unwrap() < 0.01, "{positions}");
}

#[test]
fn broken_lines_are_named_by_number_and_the_rest_is_counted() {
    let study = Study::new();
    let key = study.key();
    let whole = answers(&key, &[("ann", ["Zebra"; 5]), ("bob", ["Okapi"; 5])]);
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    lines[1] = lines[1].replace(",2500", ",soon");
    lines[2] = lines[2].rsplit_once(',').unwrap().0.to_owned();
    let face = key.faces.keys().nth(2).unwrap();
    lines[3] = lines[3].replace(face, "nobody");
    lines[4] = lines[4].replace(",1,", ",2,");
    // Bob's second answer about his first face: another choice.
    lines.push(lines[6].replace(
        &format!("{},2500", code_of(&key, key.faces.keys().next().unwrap(), "Okapi")),
        "undecided,9",
    ));
    let file = study.path("broken.csv");
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n\xff\xfe,x\n");
    std::fs::write(&file, bytes).unwrap();
    let (output, tally) = study.tally(&[&file]);
    failed(
        &output,
        &[
            "broken.csv, line 2: \"soon\" is no number",
            "line 3: it has 6 columns",
            "line 4: there is no face \"nobody\"",
            "line 5: there is no question \"2\"",
            "line 12: bob answered this otherwise in",
            "line 13: it is not text in UTF-8",
            "6 of 12 lines",
        ],
    );
    assert_eq!(tally["questions"][0]["answers"], 6);
}

#[test]
fn files_of_another_study_or_none_are_refused() {
    let study = Study::new();
    let key = study.key();
    let file = study.path("answers.csv");
    let whole = answers(&key, &[("ann", ["Zebra"; 5])]);
    std::fs::write(&file, whole.replace(&key.study, "others")).unwrap();
    failed(&study.tally(&[&file]).0, &["answers.csv answers the study others", &key.study]);
    std::fs::write(&file, whole.replace(',', ";")).unwrap();
    failed(&study.tally(&[&file]).0, &["answers.csv has no columns study,rater"]);
    std::fs::write(&file, whole.lines().next().unwrap()).unwrap();
    failed(&study.tally(&[&file]).0, &["no answer in the files"]);
    failed(&study.tally(&[&study.path("missing.csv")]).0, &["missing.csv"]);
    failed(&idm(&[&"study", &"--tally", &file, &file]), &["is no key of a study"]);
}

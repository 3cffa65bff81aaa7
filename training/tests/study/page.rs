// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page and its key, without a browser.

use std::ffi::OsStr;
use std::path::Path;

use image::RgbImage;
use serde_json::Value;
use training::picture;
use training::study::key::Key;

use crate::common::{failed, idm, idm_on_small_disk, names, succeeded};
use crate::fixture::{SYSTEMS, Study, data, decoded, tint};

#[test]
fn the_page_has_every_face_names_no_system_and_its_key_tells_which_is_which() {
    let study = Study::new();
    let page = study.path("page.html");
    assert!(succeeded(&study.make(&page, &[])).contains("5 faces of 3 systems, JPEG of quality 95"));
    let html = std::fs::read_to_string(&page).unwrap();
    let key = Key::read(&study.path("page.key.json")).unwrap();
    let data = data(&html);
    let faces = data["faces"].as_array().unwrap();
    let mut seen: Vec<&str> = Vec::new();
    // systems at positions
    let mut counts = [[0; 3]; 3];
    for face in faces {
        let known = &key.faces[face["code"].as_str().unwrap()];
        seen.push(&known.name);
        let original = picture::read(&study.truth.join(format!("{}.png", known.name))).unwrap();
        let truth = decoded(study.folder.path(), &face["truth"]);
        assert_eq!(truth.dimensions(), original.dimensions());
        assert_eq!(face["width"], original.width());
        assert_eq!(face["degraded"], Value::Null);
        for (position, shown) in face["pictures"].as_array().unwrap().iter().enumerate() {
            let picture = decoded(study.folder.path(), &shown["uri"]);
            assert_eq!(picture.dimensions(), original.dimensions());
            let system = known.pictures[shown["code"].as_str().unwrap()];
            assert_eq!(system, tint(&picture, &truth), "the key names another system");
            counts[position][system] += 1;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
    // Five faces at three positions.
    assert!(counts.iter().flatten().all(|&count| count == 1 || count == 2), "{counts:?}");

    // Base64 could spell anything, so without the pictures.
    let readable: String = html.split('"').filter(|part| !part.starts_with("data:image")).collect();
    let temporary = study.folder.path().display().to_string();
    for secret in SYSTEMS.iter().copied().chain(["idm", "http://", "https://", temporary.as_str()]) {
        assert!(!readable.to_lowercase().contains(&secret.to_lowercase()), "{secret} is in the page");
    }
}

#[test]
fn a_seed_gives_the_same_page_and_another_seed_another_one() {
    let study = Study::new();
    let (first, again, other) =
        (study.path("first.html"), study.path("again.html"), study.path("other.html"));
    for (page, seed) in [(&first, "7"), (&again, "7"), (&other, "8")] {
        succeeded(&study.make(page, &["--seed", seed]));
    }
    let read = |page: &Path| std::fs::read(page).unwrap();
    assert!(read(&first) == read(&again) && read(&first) != read(&other));
    assert_eq!(read(&Key::path_of(&first)), read(&Key::path_of(&again)));
    // The same study may be made again, but no other one in its place.
    succeeded(&study.make(&first, &["--seed", "7"]));
    failed(&study.make(&first, &["--seed", "8"]), &["first.key.json belongs to another study"]);
    assert!(read(&first) == read(&again));
}

#[test]
fn sizes_questions_inputs_and_lossless_pictures_as_asked() {
    let study = Study::new();
    let (page, inputs) = (study.path("page.html"), study.truth.display().to_string());
    let questions = ["Which is sharpest?", "Which is the same </script> person?"];
    succeeded(&study.make(
        &page,
        &[
            "--size",
            "48",
            "--limit",
            "2",
            "--degraded",
            &inputs,
            "--png",
            "--question",
            questions[0],
            "--question",
            questions[1],
        ],
    ));
    let html = std::fs::read_to_string(&page).unwrap();
    let data = data(&html);
    assert_eq!(data["questions"], serde_json::json!(questions));
    let faces = data["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 2);
    for face in faces {
        // The inputs here are the true faces, and PNG loses nothing.
        assert_eq!(face["degraded"], face["truth"]);
        assert_eq!(decoded(study.folder.path(), &face["truth"]).dimensions(), (48, 48));
    }
}

#[test]
fn what_does_not_fit_together_is_named_and_nothing_is_written() {
    let study = Study::new();
    let page = study.path("page.html");
    std::fs::remove_file(study.path("Quagga").join("3.jpg")).unwrap();
    std::fs::remove_file(study.path("Okapi").join("1.jpg")).unwrap();
    failed(&study.make(&page, &[]), &["2 of the pictures", "3.png", "Quagga", "1.png", "Okapi"]);

    let study = Study::new();
    let cut = std::fs::read(study.path("Zebra").join("2.jpg")).unwrap();
    std::fs::write(study.path("Zebra").join("2.jpg"), &cut[..200]).unwrap();
    picture::write(&study.path("Okapi").join("4.jpg"), &RgbImage::new(80, 60)).unwrap();
    let page = study.path("page.html");
    failed(
        &study.make(&page, &[]),
        &["2 of the pictures", "2.jpg is not a readable picture", "4.jpg has 80×60 pixels, another shape"],
    );
    failed(&study.make(&study.path("page.txt"), &[]), &["page.txt", ".html"]);
    let zebra = format!("Zebra={}", study.truth.display());
    failed(&study.make(&page, &["--restored", &zebra]), &["two systems are called Zebra"]);
    failed(
        &idm(&[&"study", &"--truth", &study.truth, &"--restored", &zebra, &"--output", &page]),
        &["2 to 9 systems, not 1"],
    );
    assert!(names(study.folder.path()).iter().all(|name| !name.starts_with("page")));
}

#[test]
fn a_full_disk_leaves_neither_page_nor_key() {
    let study = Study::new();
    let disk = study.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let args = study.arguments(&disk.join("page.html"), &[]);
    let args: Vec<&dyn AsRef<OsStr>> = args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect();
    // Room for the key, but not for 20 pictures.
    failed(&idm_on_small_disk(&disk, 24, &args), &["page.html", "No space left"]);
    assert!(names(&disk).is_empty(), "{:?}", names(&disk));
    succeeded(&idm_on_small_disk(&disk, 4000, &args));
    assert_eq!(names(&disk), ["page.html", "page.key.json"]);
}

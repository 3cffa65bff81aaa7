// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example `photo` as a user runs it.

use std::process::Command;

use facerestore_tests::{Picture, data, example};

#[test]
fn a_folder_of_photos_is_restored_and_a_broken_one_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    std::fs::copy(data("astronaut.png"), input.join("astronaut.png")).unwrap();
    // Half of it: its header makes it a picture.
    let whole = std::fs::read(data("astronaut.png")).unwrap();
    std::fs::write(input.join("broken.png"), &whole[..64]).unwrap();
    std::fs::write(input.join("notes.txt"), "no picture").unwrap();
    let result = Command::new(example("photo")).arg(&input).arg(&output).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(result.stdout).unwrap(), String::from_utf8(result.stderr).unwrap());
    assert_eq!(result.status.code(), Some(1), "{stderr}");
    assert!(stdout.contains("1 faces restored") && stderr.contains("broken.png"), "{stdout}{stderr}");
    assert_eq!(facerestore_tests::tree(&output), ["astronaut.png".as_ref() as &std::path::Path]);
    let restored = Picture::read(&output.join("astronaut.png"));
    assert_eq!((restored.width, restored.height), (512, 512));
}

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
    std::fs::write(input.join("phone.HEIC"), b"\0\0\0\x10ftypheic\0\0\0\0").unwrap();
    std::fs::write(input.join("sent.jpg"), b"\0\0\0\x10ftypheic\0\0\0\0").unwrap();
    // Two pictures of one pixel.
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let head = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff";
    std::fs::write(input.join("turning.gif"), [&head[..], frame, frame, b";"].concat()).unwrap();
    let result = Command::new(example("photo")).arg(&input).arg(&output).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(result.stdout).unwrap(), String::from_utf8(result.stderr).unwrap());
    assert_eq!(result.status.code(), Some(1), "{stderr}");
    assert!(stdout.contains("1 faces restored"), "{stdout}{stderr}");
    for reason in [
        "broken.png",
        "phone.HEIC: its content is none of PNG",
        "sent.jpg: its content is none of PNG",
        "turning.gif: it has several pictures",
        "4 of 5 photos could not be restored",
    ] {
        assert!(stderr.contains(reason), "{reason} is not in: {stderr}");
    }
    assert_eq!(facerestore_tests::tree(&output), ["astronaut.png".as_ref() as &std::path::Path]);
    let restored = Picture::read(&output.join("astronaut.png"));
    assert_eq!((restored.width, restored.height), (512, 512));
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of `idm` share: its program, faces from tests/data, a disk that fills up, and `kill -9`.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod distribution;
pub mod several;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use restore_core::Checkpoint;
use training::picture;
use training::train::config::TrainConfig;

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of tests/data.
pub fn test_data(name: &str) -> PathBuf {
    repository().join("tests/data").join(name)
}

/// `idm` with some arguments, not yet started.
pub fn idm_command(args: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idm"));
    // Tests run side by side; with several threads each, libtorch's threads would wait for each other.
    command.env("OMP_NUM_THREADS", "1").args(args.iter().map(|arg| arg.as_ref()));
    command
}

/// Runs `idm` to its end.
pub fn idm(args: &[&dyn AsRef<OsStr>]) -> Output {
    idm_command(args).output().unwrap()
}

/// `idm train` on the CPU, with more arguments.
pub fn train(config: &Path, data: &Path, output: &Path, more: &[&dyn AsRef<OsStr>]) -> Output {
    let mut arguments: Vec<&dyn AsRef<OsStr>> =
        vec![&"train", &"--device", &"cpu", &"--config", &config, &"--data", &data, &"--output", &output];
    arguments.extend(more);
    idm(&arguments)
}

/// What a program wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a program that succeeded.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The program ended with exit code 1, and its messages contain all of `reasons`.
#[track_caller]
pub fn failed(output: &Output, reasons: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for reason in reasons {
        assert!(message.contains(reason), "{reason:?} is not in: {message}");
    }
}

/// The names in a folder, sorted, hidden ones too.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Writes five square cuts of the portraits in tests/data as `folder/faces/0.png` to `4.png`, sides as given.
pub fn faces_of_sizes(folder: &Path, sizes: [u32; 5]) -> PathBuf {
    let faces = folder.join("faces");
    std::fs::create_dir(&faces).unwrap();
    let cuts = [
        ("astronaut.png", 150, 20, 180),
        ("astronaut.png", 170, 50, 130),
        ("biden.jpg", 250, 200, 560),
        ("biden.jpg", 320, 300, 420),
        ("biden.jpg", 300, 250, 500),
    ];
    for (index, ((name, x, y, side), size)) in cuts.into_iter().zip(sizes).enumerate() {
        let photo = picture::read(&test_data(name)).unwrap();
        let cut = image::imageops::crop_imm(&photo, x, y, side, side).to_image();
        let face = picture::resize_antialiased(&cut, size, size).unwrap();
        picture::write(&faces.join(format!("{index}.png")), &face).unwrap();
    }
    faces
}

/// [`faces_of_sizes`] with sides of 64 (the tiny network's crop), 96 and 130 pixels.
pub fn faces(folder: &Path) -> PathBuf {
    faces_of_sizes(folder, [64, 130, 64, 96, 64])
}

/// What gives the tiny configuration a detail head.
pub const DETAIL_HEAD: [(&str, &str); 2] = [
    ("residual = true", "residual = true\ndetail_head = true"),
    ("sampler = \"ddpm\"", "sampler = \"ddpm\"\ndetail_gamma = 0.956"),
];

/// What makes the tiny configuration a generator of two classes.
pub const GENERATOR: [(&str, &str); 2] = [
    ("residual = true", "residual = false\ncondition = { classes = 2 }"),
    ("[degradation]\nclean_share = 0.1\n", ""),
];

/// The tiny configuration with some text replaced, as `folder/name`.
#[track_caller]
pub fn tiny_config(folder: &Path, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(repository().join("training/configs/tiny.toml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in tiny.toml");
        text = text.replace(from, to);
    }
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

/// An untrained tiny model: a residual one gives back the picture that it got, the other mid-grey.
pub fn untrained_model(folder: &Path, residual: bool) -> PathBuf {
    let text = std::fs::read_to_string(repository().join("training/configs/tiny.toml")).unwrap();
    let mut config: TrainConfig = toml::from_str(&text).unwrap();
    config.model.unet.residual = residual;
    let file = folder.join(if residual { "identity.safetensors" } else { "grey.safetensors" });
    Checkpoint::untrained(&config.model, 1).unwrap().save(&file, tch::Kind::Float).unwrap();
    file
}

/// Runs `idm` with the folder `disk` as a file system of its own, `kilobytes` large, which first gets what `disk` held.
/// What is on it at the end is in the folder `disk` afterwards.
///
/// It takes a mount name space of Linux (util-linux's `unshare`), so no rights but those of a user.
pub fn idm_on_small_disk(disk: &Path, kilobytes: u32, args: &[&dyn AsRef<OsStr>]) -> Output {
    // The folder's contents are moved aside before the mount and come back from the disk after it.
    const SCRIPT: &str = r#"
        disk=$1 aside=$2 size=$3; shift 3
        cp -a "$disk/." "$aside/" && mount -t tmpfs -o "size=${size}k" tmpfs "$disk" && cp -a "$aside/." "$disk/" || exit 99
        "$@"; code=$?
        rm -rf "$aside" && mkdir "$aside" && cp -a "$disk/." "$aside/" || exit 98
        umount "$disk" && rm -rf "$disk" && mv "$aside" "$disk" || exit 97
        exit $code
    "#;
    let aside = tempfile::tempdir_in(disk.parent().unwrap()).unwrap();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(disk)
        .arg(aside.path())
        .arg(kilobytes.to_string())
        .arg(env!("CARGO_BIN_EXE_idm"))
        .env("OMP_NUM_THREADS", "1")
        .args(args.iter().map(|arg| arg.as_ref()))
        .output()
        .unwrap();
    let code = output.status.code();
    assert!(!matches!(code, Some(97..=99)), "the small disk could not be made: {}", text(&output.stderr));
    output
}

/// Starts `idm`, waits until `reached` says so (or the program ends), and kills it as `kill -9` does. Returns false
/// when it had ended by itself.
pub fn kill_9_when(args: &[&dyn AsRef<OsStr>], mut reached: impl FnMut() -> bool) -> bool {
    let mut child: Child = idm_command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(300);
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if reached() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(Instant::now() < patience, "idm did not get that far in five minutes");
        std::thread::sleep(Duration::from_millis(1));
    }
}

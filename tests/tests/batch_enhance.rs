// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` as a user runs it: real files of several containers, broken ones, `kill -9`, job arrays, a full disk.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use facerestore_tests::{
    ClipRecipe, Desk, decoded_frames, failing, frame_size, streams, succeeded, text, tree,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Video of the same times, everything else of the same bytes and times, `tolerance` nanoseconds aside.
#[track_caller]
fn assert_same_streams(input: &Path, output: &Path, tolerance: u64) {
    let (before, after) = (streams(input), streams(output));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (kind, stream) in &before {
        let (old, new) = (stream.times(), after[kind].times());
        assert_eq!(old.len(), new.len(), "{kind} in {}", output.display());
        // A transport stream may start at any time.
        let (first_old, first_new) = (old[0], new[0]);
        for (old, new) in old.iter().zip(&new) {
            let (old, new) = (old - first_old, new - first_new);
            assert!(old.abs_diff(new) <= tolerance, "{kind} in {}: {old} became {new}", output.display());
        }
        assert_eq!(stream.language, after[kind].language, "{kind}");
        if !kind.starts_with("video/") {
            assert_eq!(stream.bytes(), after[kind].bytes(), "{kind} in {}", output.display());
        }
    }
}

#[test]
fn sound_subtitles_and_timing_of_each_container_come_through() {
    let desk = Desk::new();
    let recipes = [
        ("one.mp4", ClipRecipe { subtitle: "Tom & \"Jerry\"", variable_rate: true, ..ClipRecipe::MP4 }),
        (
            "tree/two.mkv",
            ClipRecipe {
                muxer: "matroskamux",
                audio: "vorbisenc ! taginject tags=language-code=fr",
                subtitle: "Tom & \"Jerry\" 1 < 2",
                variable_rate: true,
                ..ClipRecipe::MP4
            },
        ),
        (
            "tree/three.ts",
            ClipRecipe { muxer: "mpegtsmux", audio: "lamemp3enc ! mpegaudioparse", ..ClipRecipe::MP4 },
        ),
        (
            "four.avi",
            ClipRecipe {
                muxer: "avimux",
                video: "x264enc tune=zerolatency speed-preset=ultrafast ! h264parse",
                audio: "lamemp3enc ! mpegaudioparse",
                ..ClipRecipe::MP4
            },
        ),
        (
            "tree/deep/five.webm",
            ClipRecipe {
                muxer: "webmmux",
                video: "vp8enc deadline=1",
                audio: "vorbisenc",
                ..ClipRecipe::MP4
            },
        ),
    ];
    for (name, recipe) in &recipes {
        recipe.make(&desk.input(name));
    }
    let result = desk.run(&["--jobs", "2"]);
    succeeded(&result);
    for (name, recipe) in &recipes {
        let (input, output) = (desk.input(name), desk.output(name));
        // Transport streams count in 90 000ths; frames of AVI have numbers, no times.
        let tolerance = if name.ends_with("ts") { 12_000 } else { 0 };
        assert_same_streams(&input, &output, tolerance);
        assert_eq!(decoded_frames(&output), recipe.frames as usize, "{name}");
        let report = desk.report(name);
        assert_eq!(report["error"], Value::Null);
        assert_eq!(report["frames"], recipe.frames, "{name}");
        assert!(
            report["restored_faces"].as_u64().unwrap() >= u64::from(recipe.frames) / 2,
            "{name}: {report}"
        );
        assert_eq!(report["stats"][0]["frames"], report["frames"]);
        assert!(
            report["streams"].as_array().unwrap().iter().all(|stream| stream["fate"] != "dropped"),
            "{report}"
        );
    }
    assert_eq!(streams(&desk.output("tree/two.mkv"))["audio/x-vorbis"].language.as_deref(), Some("fr"));
    assert_eq!(streams(&desk.output("one.mp4"))["video/x-h264"].times()[6], 1_198_000_000, "a variable rate");
    // All is there: a second run does nothing.
    let again = desk.run(&[]);
    succeeded(&again);
    assert!(text(&again.stdout).contains("0 to do, 5 there before"), "{}", text(&again.stdout));
}

#[test]
fn the_sideways_video_of_a_phone_is_set_upright() {
    let desk = Desk::new();
    let sideways =
        "videoflip video-direction=90l ! x264enc tune=zerolatency speed-preset=ultrafast ! h264parse";
    let clip = desk.input("phone.mp4");
    ClipRecipe { video: sideways, audio: "", ..ClipRecipe::MP4 }.make(&clip);
    // The matrix in the track's header (ISO 14496-12, 8.3.2) becomes a quarter turn to the right.
    let mut bytes = std::fs::read(&clip).unwrap();
    let matrix = |entries: [u32; 9]| entries.map(u32::to_be_bytes).concat();
    let (one, minus_one, unit) = (0x1_0000, 0xffff_0000, 0x4000_0000);
    let header = bytes.windows(4).position(|name| name == b"tkhd").unwrap();
    let identity = matrix([one, 0, 0, 0, one, 0, 0, 0, unit]);
    let place = header + bytes[header..].windows(36).position(|window| window == identity).unwrap();
    bytes[place..place + 36].copy_from_slice(&matrix([0, one, 0, minus_one, 0, 0, 0, 0, unit]));
    std::fs::write(&clip, bytes).unwrap();
    assert_eq!(frame_size(&clip), (144, 176));
    succeeded(&desk.run(&[]));
    assert_eq!(frame_size(&desk.output("phone.mp4")), (176, 144));
    assert_eq!(desk.report("phone.mp4")["restored_faces"], ClipRecipe::MP4.frames);
}

#[test]
fn what_a_container_cannot_hold_is_named() {
    let desk = Desk::new();
    ClipRecipe { muxer: "matroskamux", audio: "opusenc", ..ClipRecipe::MP4 }.make(&desk.input("kept.mkv"));
    // Uncompressed sound is in MP4 files of other programs: one of QuickTime with the other's brand.
    ClipRecipe { muxer: "qtmux", audio: "audio/x-raw,format=S16LE", ..ClipRecipe::MP4 }
        .make(&desk.input("lost.mp4"));
    let mut bytes = std::fs::read(desk.input("lost.mp4")).unwrap();
    assert_eq!(&bytes[4..12], b"ftypqt  ");
    bytes[8..12].copy_from_slice(b"isom");
    std::fs::write(desk.input("lost.mp4"), bytes).unwrap();
    let result = desk.run(&[]);
    succeeded(&result);
    assert_same_streams(&desk.input("kept.mkv"), &desk.output("kept.mkv"), 0);
    let report = desk.report("lost.mp4");
    let dropped: Vec<&Value> =
        report["streams"].as_array().unwrap().iter().filter(|stream| stream["fate"] == "dropped").collect();
    assert_eq!(dropped.len(), 1, "{report}");
    assert_eq!(dropped[0]["kind"], "audio/x-raw");
    assert!(text(&result.stdout).contains("without audio/x-raw"), "{}", text(&result.stdout));
}

#[test]
fn broken_files_are_named_and_the_others_done() {
    let desk = Desk::new();
    ClipRecipe::MP4.make(&desk.input("a.mp4"));
    ClipRecipe::MP4.make(&desk.input("z.mp4"));
    std::fs::write(desk.input("noise.mp4"), [0x5a; 4096]).unwrap();
    std::fs::write(desk.input("empty.mkv"), "").unwrap();
    let whole = std::fs::read(desk.input("a.mp4")).unwrap();
    std::fs::write(desk.input("cut.mp4"), &whole[..whole.len() / 2]).unwrap();
    ClipRecipe {
        muxer: "oggmux",
        video: "fakesink audiotestsrc num-buffers=9 ! vorbisenc",
        audio: "",
        ..ClipRecipe::MP4
    }
    .make(&desk.input("sound.ogg"));
    let result = desk.run(&["--jobs", "3"]);
    assert_eq!(result.status.code(), Some(1), "{}", text(&result.stdout));
    assert_eq!(desk.videos(), ["a.mp4", "z.mp4"]);
    for (name, reason) in [
        ("noise.mp4", "video file"),
        ("empty.mkv", "cannot be read"),
        ("cut.mp4", ""),
        ("sound.ogg", "nothing to restore"),
    ] {
        let error = desk.report(name)["error"].as_str().unwrap().to_owned();
        assert!(!error.is_empty() && error.contains(reason), "{name}: {error}");
        assert!(text(&result.stderr).contains(&error), "{}", text(&result.stderr));
    }
}

/// A clip in which no face could be restored is no restored clip, however short it is; the error is libtorch's.
#[test]
fn a_network_that_fails_on_every_face_fails_the_file() {
    let desk = Desk::new();
    ClipRecipe::MP4.make(&desk.input("one.mp4"));
    let network = failing(desk.input("").parent().unwrap());
    let result = desk.run(&["--property", &format!("model={}", network.display())]);
    assert_eq!(result.status.code(), Some(1), "{}", text(&result.stdout));
    assert!(desk.videos().is_empty(), "{:?}", desk.videos());
    let error = desk.report("one.mp4")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("could") && error.contains("restored") && error.contains("libtorch"), "{error}");
}

#[test]
fn the_shards_of_a_job_array_are_together_all_files() {
    let desk = Desk::new();
    for name in ["1.mp4", "2.mp4", "3.mp4"] {
        ClipRecipe { frames: 3, ..ClipRecipe::MP4 }.make(&desk.input(name));
    }
    succeeded(&desk.run(&["--shard", "1/2"]));
    assert_eq!(desk.videos(), ["1.mp4", "3.mp4"]);
    let task = [("SLURM_ARRAY_TASK_ID", "8"), ("SLURM_ARRAY_TASK_MIN", "7"), ("SLURM_ARRAY_TASK_COUNT", "2")];
    succeeded(&desk.command(&[]).envs(task).output().unwrap());
    assert_eq!(desk.videos(), ["1.mp4", "2.mp4", "3.mp4"]);
    let alone = desk.command(&[]).env("JOB_COMPLETION_INDEX", "0").output().unwrap();
    assert!(text(&alone.stderr).contains("JOB_COMPLETIONS"), "{}", text(&alone.stderr));
}

#[test]
fn a_wrong_property_is_refused_before_any_work() {
    let desk = Desk::new();
    ClipRecipe { frames: 3, ..ClipRecipe::MP4 }.make(&desk.input("a.mp4"));
    for property in ["strength=2", "strength=much", "steps=1001", "colour=1", "mode=now"] {
        let result = desk.run(&["--property", property]);
        assert_eq!(result.status.code(), Some(1), "{property}");
        assert!(text(&result.stderr).contains("gst-inspect-1.0"), "{}", text(&result.stderr));
    }
    assert!(!desk.output("").exists());
}

/// The worker processes of a batch.
fn workers(master: &Child) -> Vec<u32> {
    let children = format!("/proc/{0}/task/{0}/children", master.id());
    // Threads start them, so every thread's children count.
    let tasks = std::fs::read_dir(Path::new(&children).parent().unwrap().parent().unwrap());
    let lists = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let ids =
        lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>());
    ids.filter(|id| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("\0enhance\0"))
    })
    .collect()
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !reached() {
        assert!(Instant::now() < patience, "{what} did not happen in two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn part_of(folder: &Path, name: &str) -> bool {
    folder.exists()
        && tree(folder).iter().any(|file| file.to_str().unwrap().starts_with(&format!(".{name}.")))
}

#[test]
fn a_batch_goes_on_after_kill_9() {
    let desk = Desk::new();
    ClipRecipe { frames: 3, ..ClipRecipe::MP4 }.make(&desk.input("1.mp4"));
    ClipRecipe { frames: 40, ..ClipRecipe::MP4 }.make(&desk.input("2.mp4"));
    let mut master = start(desk.command(&[]));
    wait_until("the second file", || part_of(&desk.output(""), "2.mp4"));
    let orphans = workers(&master);
    master.kill().unwrap();
    master.wait().unwrap();
    assert_eq!(desk.videos().iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>(), ["1.mp4"]);
    assert_eq!(orphans.len(), 1);
    wait_until("the end of the worker", || !Path::new(&format!("/proc/{}", orphans[0])).exists());
    let first = std::fs::metadata(desk.output("1.mp4")).unwrap().modified().unwrap();
    succeeded(&desk.run(&[]));
    assert_eq!(desk.videos(), ["1.mp4", "2.mp4"]);
    assert_eq!(std::fs::metadata(desk.output("1.mp4")).unwrap().modified().unwrap(), first, "done once");
    assert_eq!(decoded_frames(&desk.output("2.mp4")), 40);
}

/// The same at moments that follow from a seed, often in a row: the pictures and sounds are those of a batch that nothing happened to,
/// and each file is done once. More of them: `FACERESTORE_KILLS=200`.
#[test]
fn killed_at_any_moment_a_batch_ends_with_the_same_streams() {
    let kills: u64 =
        std::env::var("FACERESTORE_KILLS").map_or(2, |text| text.parse().expect("a whole number"));
    let names = ["1.mp4", "2.mkv", "3.mp4"];
    let make = |desk: &Desk| {
        for (index, name) in (0..).zip(names) {
            let muxer = if name.ends_with("mkv") { "matroskamux" } else { ClipRecipe::MP4.muxer };
            ClipRecipe { frames: 8 + 4 * index, muxer, ..ClipRecipe::MP4 }.make(&desk.input(name));
        }
    };
    let whole = Desk::new();
    make(&whole);
    let start = Instant::now();
    succeeded(&whole.run(&[]));
    let took = start.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut killed = 0;
    while killed < kills {
        let desk = Desk::new();
        for name in names {
            std::fs::create_dir_all(desk.input(name).parent().unwrap()).unwrap();
            std::fs::copy(whole.input(name), desk.input(name)).unwrap();
        }
        for _ in 0..random.random_range(1..=3) {
            let mut master = start_quietly(desk.command(&[]));
            std::thread::sleep(took.mul_f64(random.random_range(0.0..1.0)));
            let orphans = workers(&master);
            killed += u64::from(master.try_wait().unwrap().is_none());
            master.kill().unwrap();
            master.wait().unwrap();
            let is_gone = |id: &u32| !Path::new(&format!("/proc/{id}")).exists();
            wait_until("the end of the workers", || orphans.iter().all(is_gone));
        }
        succeeded(&desk.run(&[]));
        assert_eq!(desk.videos(), names);
        for name in names {
            let (expected, made) = (streams(&whole.output(name)), streams(&desk.output(name)));
            assert!(expected.keys().eq(made.keys()), "{name}");
            for (kind, stream) in &expected {
                let same = stream.bytes() == made[kind].bytes() && stream.times() == made[kind].times();
                assert!(same, "{kind} of {name} differs after {killed} kills");
            }
        }
    }
}

/// As [`start`]; nobody reads what it says.
fn start_quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_worker_that_dies_takes_no_other_file_with_it() {
    let desk = Desk::new();
    for name in ["1.mp4", "2.mp4"] {
        ClipRecipe { frames: 20, ..ClipRecipe::MP4 }.make(&desk.input(name));
    }
    let master = start(desk.command(&[]));
    wait_until("the first file", || part_of(&desk.output(""), "1.mp4"));
    let worker = workers(&master)[0];
    assert!(Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success());
    let result = master.wait_with_output().unwrap();
    assert_eq!(result.status.code(), Some(1));
    assert!(text(&result.stderr).contains("signal: 9"), "{}", text(&result.stderr));
    assert_eq!(desk.videos(), ["2.mp4"], "and nothing is left of the first");
    assert!(desk.report("1.mp4")["error"].as_str().unwrap().contains("signal: 9"));
}

#[test]
fn ctrl_c_leaves_nothing_unfinished() {
    let desk = Desk::new();
    ClipRecipe { frames: 40, ..ClipRecipe::MP4 }.make(&desk.input("1.mp4"));
    let master = start(desk.command(&[]));
    wait_until("the first file", || part_of(&desk.output(""), "1.mp4"));
    assert!(Command::new("kill").args(["-INT", &master.id().to_string()]).status().unwrap().success());
    let result = master.wait_with_output().unwrap();
    assert_eq!(result.status.code(), Some(130), "{}", text(&result.stderr));
    assert!(text(&result.stderr).contains("run the same command again"));
    assert_eq!(desk.videos(), Vec::<String>::new());
}

#[test]
fn a_full_disk_is_named_and_ends_the_batch() {
    let desk = Desk::new();
    for name in ["1.mp4", "2.mp4"] {
        ClipRecipe::MP4.make(&desk.input(name));
    }
    std::fs::create_dir(desk.output("")).unwrap();
    // A file system of its own in a mount name space of the user's (util-linux): no rights of root are needed.
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=8k tmpfs \"$1\" && shift && \"$@\"";
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(desk.output(""));
    let batch = desk.command(&[]);
    let result = command.arg(batch.get_program()).args(batch.get_args()).output().unwrap();
    let message = text(&result.stderr);
    assert_eq!(result.status.code(), Some(1), "{message}");
    assert!(
        message.contains("the disk of the outputs is full: free some space and run the same command"),
        "{message}"
    );
    assert!(!message.contains("2.mp4"), "the second would meet the same: {message}");
    // With space it goes on, and what is there on a disk that then fills up stays as it is.
    succeeded(&desk.run(&[]));
    assert_eq!(desk.videos(), ["1.mp4", "2.mp4"]);
    std::fs::remove_file(desk.output("2.mp4")).unwrap();
    let first = std::fs::read(desk.output("1.mp4")).unwrap();
    let room = first.len().div_ceil(1024) + 16;
    let script = "out=${1%/} && mkdir \"$out.small\" && mount -t tmpfs -o \"size=$2k\" tmpfs \"$out.small\" && \
                  cp -a \"$out/.\" \"$out.small/\" && mount --bind \"$out.small\" \"$out\" && shift 2 || exit 98; \
                  \"$@\"; code=$?; cat \"$out/1.mp4\" || exit 99; exit $code";
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(desk.output(""))
        .arg(room.to_string());
    let result = command.arg(batch.get_program()).args(batch.get_args()).output().unwrap();
    let message = text(&result.stderr);
    assert_eq!(result.status.code(), Some(1), "{message}");
    assert!(message.contains("the disk of the outputs is full"), "{message}");
    assert!(result.stdout.ends_with(&first), "the result that was there before is gone");
    succeeded(&desk.run(&[]));
    assert_eq!(desk.videos(), ["1.mp4", "2.mp4"]);
}

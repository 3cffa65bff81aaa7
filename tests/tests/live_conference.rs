// SPDX-License-Identifier: MIT OR Apache-2.0
//! `live-conference` as a user runs it, with a file for a camera and RTP over loopback.

use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use facerestore_tests::{data, example};

/// A port of UDP that is free now.
fn free_address() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(example("live-conference"));
    command.args(arguments).env_remove("RUST_BACKTRACE");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The numbers of the summary: captured, shown, and latencies in ms (mean, 95 %, largest).
fn summary(output: &Output) -> Vec<f64> {
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", text(&output.stderr));
    let line = stdout.lines().last().unwrap().replace("95 %", "");
    let words = line.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap()).collect()
}

fn call(jitter_buffer: &str) -> Vec<f64> {
    let clip = data("carphone_pristine.mp4");
    let arguments =
        ["--source", clip.to_str().unwrap(), "--to", &free_address(), "--jitter-buffer", jitter_buffer];
    summary(&command(&arguments).output().unwrap())
}

#[test]
fn a_file_is_restored_sent_received_and_its_latency_measured() {
    let numbers = call("20");
    let [captured, shown, mean, percentile, largest] = numbers[..] else { panic!("{numbers:?}") };
    assert_eq!(captured, 120.0);
    // A slow machine may leave frames out, but most arrive.
    assert!(shown > 60.0, "{numbers:?}");
    assert!(0.0 < mean && mean <= largest && percentile <= largest, "{numbers:?}");
}

#[test]
fn what_is_measured_is_the_time_until_a_frame_is_shown() {
    // No frame leaves a jitter buffer of half a second sooner, so a true measurement cannot be smaller.
    let numbers = call("500");
    assert!(numbers[1] > 30.0 && numbers[2] >= 450.0, "{numbers:?}");
}

#[test]
fn a_missing_camera_file_or_device_is_named_with_a_remedy() {
    for (arguments, reasons) in [
        (vec!["--source", "/dev/video987"], ["/dev/video987", "--source test"]),
        (vec!["--source", "no-such.mp4"], ["no-such.mp4", "test"]),
        (vec!["--source", "test", "--device", "/dev/video987"], ["/dev/video987", "v4l2loopback"]),
        (vec!["--webrtc", "--source", "no-such.mp4", "--listen", "127.0.0.1:0"], ["no-such.mp4", "test"]),
        (vec!["--webrtc", "--source", "test", "--listen", "192.0.2.77:1"], ["192.0.2.77:1", "--listen"]),
    ] {
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = text(&output.stderr);
        assert!(reasons.iter().all(|reason| message.contains(reason)), "{message}");
    }
}

#[test]
fn ctrl_c_ends_a_call_with_its_summary() {
    let arguments = ["--source", "test", "--to", &free_address()];
    let call = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    assert!(Command::new("kill").args(["-INT", &call.id().to_string()]).status().unwrap().success());
    let output = call.wait_with_output().unwrap();
    assert!(summary(&output)[0] > 0.0);
}

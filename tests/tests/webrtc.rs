// SPDX-License-Identifier: MIT OR Apache-2.0
//! `live-conference --webrtc` as its viewers see it: Chromium, a file for all and a camera of each, reloads and controls.
#![cfg(feature = "browser-tests")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facerestore_tests::{Page, data, example};
use serde_json::Value;

/// How long a picture may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A call, served on the loopback.
struct Call {
    program: Child,
    address: String,
    /// What it has printed.
    printed: Arc<Mutex<String>>,
}

impl Call {
    fn of(source: &str) -> Self {
        let arguments = ["--webrtc", "--source", source, "--listen", "127.0.0.1:0", "--bitrate", "1000"];
        let mut program = Command::new(example("live-conference"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where the call is").unwrap();
        let address = first.strip_prefix("the call is at ").unwrap_or_else(|| panic!("{first}")).to_owned();
        let printed = Arc::new(Mutex::new(String::new()));
        let log = printed.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { program, address, printed }
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A browser with the page of a call.
struct Viewer {
    page: Page,
}

impl Viewer {
    fn of(call: &Call) -> Self {
        let flags = [
            // A camera with a picture of its own that moves, and no question whether it may be used.
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            // WebRTC's own traffic leaves the loopback out otherwise.
            "--allow-loopback-in-peer-connection",
        ];
        let page = Page::new(PATIENCE, &flags);
        page.open(&call.address);
        Self { page }
    }

    fn value(&self, expression: &str) -> Value {
        self.page.value(expression)
    }

    fn wait_for(&self, call: &Call, expression: &str) {
        let state = || format!("the page: {}\n{}", self.value("document.body.innerText"), call.printed());
        self.page.wait_for(expression, state);
    }

    /// Waits until `count` more frames of the restored picture have been shown.
    fn wait_for_frames(&self, call: &Call, count: u64) {
        let shown = "restored.getVideoPlaybackQuality().totalVideoFrames";
        let before = self.value(shown).as_u64().unwrap_or(0);
        self.wait_for(call, &format!("{shown} >= {}", before + count));
    }

    /// The mean distance in levels between the pixels of two pictures on the page, and the spread of the first one's.
    fn compare(&self, first: &str, second: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const pixels = video => {{ const canvas = new OffscreenCanvas(88, 72), context = \
             canvas.getContext('2d'); context.drawImage(video, 0, 0, 88, 72); return \
             context.getImageData(0, 0, 88, 72).data; }}; const [a, b] = [pixels({first}), pixels({second})]; \
             let distance = 0, sum = 0, squares = 0; for (let i = 0; i < a.length; i++) {{ distance += \
             Math.abs(a[i] - b[i]); sum += a[i]; squares += a[i] * a[i]; }} const mean = sum / a.length; return \
             distance / a.length + ' ' + Math.sqrt(squares / a.length - mean * mean); }})()"
        );
        let text = self.value(&script).as_str().expect("two numbers").to_owned();
        let (distance, spread) = text.split_once(' ').unwrap();
        (distance.parse().unwrap(), spread.parse().unwrap())
    }
}

/// A file is seen by two viewers, before and after, with the figures; a reload brings the picture back; what one viewer sets
/// the other one sees; each viewer who leaves is told of.
#[test]
fn a_file_is_seen_by_two_viewers_who_share_its_controls() {
    let clip = data("carphone_pristine.mp4");
    let call = Call::of(clip.to_str().unwrap());
    let (one, two) = (Viewer::of(&call), Viewer::of(&call));
    for viewer in [&one, &two] {
        viewer.wait_for_frames(&call, 40);
        viewer.wait_for(&call, "restored.videoWidth === 176 && restored.videoHeight === 144");
        viewer.wait_for(&call, "original.videoWidth === 176 && original.readyState >= 2");
        viewer.wait_for(&call, "parseFloat($('restorations').textContent) > 0");
        viewer.wait_for(&call, "parseFloat($('faces').textContent) > 0");
        viewer.wait_for(&call, "parseFloat($('latency').textContent) > 0");
    }
    // The same scene, and one that is not a single colour.
    let (distance, spread) = one.compare("restored", "original");
    assert!(distance < 40.0 && spread > 20.0, "{distance} {spread}");

    one.value("$('strength').value = 0.25; $('strength').oninput()");
    two.wait_for(&call, "$('strength').value === '0.25'");

    two.page.tab.reload(false, None).unwrap().wait_until_navigated().unwrap();
    two.wait_for_frames(&call, 20);
    two.wait_for(&call, "$('strength').value === '0.25'");
    one.wait_for_frames(&call, 20);
    drop(two);
    one.wait_for_frames(&call, 20);
    let printed = call.printed();
    assert!(printed.contains("of 176x144 shown; glass to glass"), "{printed}");
    assert!(printed.matches("gone").count() >= 2, "{printed}");
}

/// A viewer's camera goes to the program and comes back: a picture of the camera's size, not the grey one of the beginning.
#[test]
fn a_camera_comes_back_restored() {
    let call = Call::of("browser");
    let viewer = Viewer::of(&call);
    viewer.wait_for_frames(&call, 30);
    viewer.wait_for(&call, "restored.videoWidth > 320");
    viewer.wait_for(&call, "Math.abs(restored.videoWidth / restored.videoHeight - original.videoWidth / original.videoHeight) < 0.02");
    let (distance, spread) = viewer.compare("restored", "original");
    // Chromium's camera is a green field with a pie that turns and a clock.
    assert!(distance < 40.0 && spread > 10.0, "{distance} {spread}");
}

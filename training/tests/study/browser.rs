// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raters at work in Chromium, with real key presses and clicks, on the page as a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::Browser::{SetDownloadBehavior, SetDownloadBehaviorBehaviorOption};
use headless_chrome::protocol::cdp::Emulation::SetDeviceMetricsOverride;
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;

use crate::common::succeeded;
use crate::fixture::{SYSTEMS, Study, decoded, tint};

/// How long the browser may take for a step on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A rater in front of the page.
struct Rater {
    tab: Arc<Tab>,
    folder: PathBuf,
    // Closes Chromium when it is dropped.
    _browser: Browser,
}

impl Rater {
    fn open(page: &Path, downloads: &Path) -> Self {
        std::fs::create_dir(downloads).unwrap();
        let flags = ["--disable-quic", "--disable-component-update"];
        let options = LaunchOptions::default_builder()
            // Chromium's own sandbox is not to be had as root and in most containers; the page is ours.
            .sandbox(false)
            .window_size(Some((1280, 720)))
            .args(flags.map(std::ffi::OsStr::new).to_vec())
            .idle_browser_timeout(2 * PATIENCE)
            .build()
            .unwrap();
        let browser = Browser::new(options).expect("Chromium starts (scripts/setup --tests installs it)");
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(PATIENCE);
        tab.call_method(SetDownloadBehavior {
            behavior: SetDownloadBehaviorBehaviorOption::Allow,
            browser_context_id: None,
            download_path: Some(downloads.display().to_string()),
            events_enabled: None,
        })
        .unwrap();
        let rater = Self { tab, folder: downloads.to_owned(), _browser: browser };
        rater.screen(1280, 720, false);
        rater.tab.navigate_to(&format!("file://{}", page.display())).unwrap().wait_until_navigated().unwrap();
        rater
    }

    fn screen(&self, width: u32, height: u32, mobile: bool) {
        let metrics = SetDeviceMetricsOverride {
            width,
            height,
            device_scale_factor: 1.0,
            mobile,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(metrics).unwrap();
    }

    /// The value of a JavaScript expression.
    fn value(&self, expression: &str) -> Value {
        self.tab.evaluate(expression, false).unwrap().value.unwrap_or(Value::Null)
    }

    fn wait_for(&self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != true {
            let page = self.value("document.body.innerText");
            assert!(start.elapsed() < PATIENCE, "{expression} does not become true on the page: {page}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the page shows a question, as "1 of 5".
    fn wait_for_question(&self, status: &str) {
        self.wait_for(&format!("!busy && document.getElementById('status').textContent === '{status}'"));
    }

    fn start(&self, name: &str) {
        self.wait_for("document.activeElement?.id === 'rater'");
        self.tab.type_str(name).unwrap().press_key("Enter").unwrap();
    }

    fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    fn click(&self, selector: &str) {
        self.tab.find_element(selector).unwrap().click().unwrap();
    }

    /// The number under the picture with the tint of a system.
    fn number_of(&self, system: &str) -> usize {
        let picture = |selector: &str| {
            decoded(&self.folder, &self.value(&format!("document.querySelector('{selector} img').src")))
        };
        let truth = picture("#truth");
        let system = SYSTEMS.iter().position(|&name| name == system).unwrap();
        let number = (1..=3)
            .find(|number| tint(&picture(&format!(".choice:nth-of-type({number})")), &truth) == system)
            .expect("one picture of each system");
        let badge = self.value(&format!("document.querySelector('.choice:nth-of-type({number})').innerText"));
        assert_eq!(badge.as_str().map(str::trim), Some(number.to_string().as_str()));
        number
    }

    /// Chooses a system's picture by its number key. Returns the number.
    fn choose_by_key(&self, system: &str) -> usize {
        let number = self.number_of(system);
        self.press(&number.to_string());
        number
    }

    /// Chooses a system's picture with the mouse. Returns the number.
    fn choose_by_mouse(&self, system: &str) -> usize {
        let number = self.number_of(system);
        self.click(&format!(".choice:nth-of-type({number}) img"));
        number
    }

    /// The number marked as chosen; 0 for "can't decide".
    fn marked(&self) -> Option<u64> {
        self.value(
            "[undecided, ...document.querySelectorAll('.choice')].findIndex((b) => b.ariaPressed === 'true')",
        )
        .as_f64()
        .and_then(|index| (index >= 0.0).then_some(index as u64))
    }

    /// Clicks on "Save the answers" and waits for the file.
    fn save(&self, name: &str) -> PathBuf {
        self.click("#save");
        let start = Instant::now();
        loop {
            let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
            let ending = format!("-{name}.csv");
            let found = files.into_iter().find(|file| file.display().to_string().ends_with(&ending));
            if let Some(file) = found.filter(|file| file.metadata().unwrap().len() > 0) {
                return file;
            }
            assert!(start.elapsed() < PATIENCE, "no {ending} in {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn what_raters_choose_is_what_the_tally_counts() {
    let study = Study::new();
    let (page, inputs) = (study.path("page.html"), study.truth.display().to_string());
    succeeded(&study.make(&page, &["--degraded", &inputs]));
    let ann = Rater::open(&page, &study.path("downloads"));
    let mut numbers = [0; 3];
    ann.start("ann");
    ann.wait_for_question("1 of 5");
    assert_eq!(ann.marked(), None);
    numbers[ann.choose_by_key("Zebra") - 1] += 1;
    ann.wait_for_question("2 of 5");
    numbers[ann.choose_by_mouse("Zebra") - 1] += 1;
    ann.wait_for_question("3 of 5");

    // A choice, and another one after going back.
    let first = ann.choose_by_key("Okapi");
    ann.wait_for_question("4 of 5");
    ann.press("ArrowLeft");
    ann.wait_for_question("3 of 5");
    assert_eq!(ann.marked(), Some(first as u64));
    let second = ann.choose_by_mouse("Quagga");
    numbers[second - 1] += 1;
    ann.wait_for_question("4 of 5");
    ann.press("ArrowRight");
    assert_eq!(ann.value("at"), 3, "there is no way past a question without an answer");

    // A reload forgets nothing.
    ann.tab.reload(false, None).unwrap();
    ann.wait_for_question("4 of 5");
    assert_eq!(ann.value("document.getElementById('progress').value"), 3);
    ann.press("Backspace");
    ann.wait_for_question("3 of 5");
    assert_eq!(ann.marked(), Some(second as u64));
    ann.click("#forward");
    ann.wait_for_question("4 of 5");
    ann.press("0");
    ann.wait_for_question("5 of 5");
    numbers[ann.choose_by_key("Zebra") - 1] += 1;
    ann.wait_for("document.getElementById('end-title').innerText === 'Thank you!'");
    let first = ann.save("ann");
    let (output, tally) = study.tally(&[&first]);
    succeeded(&output);
    let question = &tally["questions"][0];
    assert_eq!((&question["answers"], &question["undecided"]), (&5.into(), &1.into()));
    let choices =
        |tally: &Value| [0, 1, 2].map(|i| tally["questions"][0]["preferences"][i]["choices"].as_u64());
    assert_eq!(choices(&tally), [Some(3), Some(1), Some(0)]);
    assert_eq!(question["positions"]["choices"], serde_json::json!(numbers));
    assert!(tally["raters"][0]["median_milliseconds"].as_u64().unwrap() > 0);

    // Another rater in the same browser, who stops after one answer.
    ann.click("#another");
    ann.start("bob");
    ann.wait_for_question("1 of 5");
    ann.choose_by_mouse("Okapi");
    ann.wait_for_question("2 of 5");
    ann.click("#save-now");
    let (output, tally) = study.tally(&[&first, &ann.save("bob")]);
    assert!(succeeded(&output).contains("bob: 1 of 5 answers"));
    assert_eq!(choices(&tally), [Some(3), Some(1), Some(1)]);
    ann.click("#another");
    ann.start("ann");
    ann.wait_for("document.getElementById('end-title').innerText === 'Thank you!'");
}

#[test]
fn everything_fits_on_a_small_desktop_and_on_a_phone() {
    let study = Study::new();
    let (page, inputs) = (study.path("page.html"), study.truth.display().to_string());
    succeeded(&study.make(&page, &["--degraded", &inputs]));
    let rater = Rater::open(&page, &study.path("downloads"));
    rater.start("ann");
    rater.wait_for_question("1 of 5");
    for (width, height, mobile) in [(1280, 720, false), (390, 844, true), (844, 390, true)] {
        rater.screen(width, height, mobile);
        rater.wait_for(&format!("innerWidth === {width} && innerHeight === {height}"));
        // The five pictures lie inside the stage and the stage inside the window, the buttons below it.
        rater.wait_for(
            "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight \
             && stage.scrollWidth <= stage.clientWidth && (innerHeight < 500 || stage.scrollHeight <= stage.clientHeight)",
        );
        let side = rater.value("document.querySelector('#truth img').getBoundingClientRect().width");
        assert!(side.as_f64().unwrap() >= 100.0, "a face of {side} pixels at {width}×{height}");
    }
    // Zoomed, all pictures show the same part.
    rater.press("z");
    rater.wait_for("new Set([...document.images].map((i) => getComputedStyle(i).transform)).size === 1");
    let enlarged = rater.value("getComputedStyle(document.images[0]).transform");
    assert_eq!(enlarged, "matrix(3, 0, 0, 3, 0, 0)");
}

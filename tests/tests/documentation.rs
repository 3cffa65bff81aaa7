// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documentation's site as its readers see it: Chromium at the width of a phone and of a desktop, every page.
#![cfg(feature = "browser-tests")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use facerestore_tests::{target_folder, tree};
use headless_chrome::protocol::cdp::Emulation::SetDeviceMetricsOverride;
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;

/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Width, height, and whether it is a phone.
const SCREENS: [(u32, u32, bool); 2] = [(1280, 800, false), (390, 844, true)];

/// The folder of the site.
fn site() -> PathBuf {
    let site = target_folder().join("../book");
    assert!(
        site.join("index.html").is_file(),
        "{} is missing: build the site with scripts/docs (scripts/test does so)",
        site.join("index.html").display()
    );
    site.canonicalize().unwrap()
}

/// A reader in front of a screen.
struct Reader {
    tab: Arc<Tab>,
    site: PathBuf,
    // Closes Chromium when it is dropped.
    _browser: Browser,
}

impl Reader {
    fn new() -> Self {
        let site = site();
        let flags = ["--disable-quic", "--disable-component-update"];
        let options = LaunchOptions::default_builder()
            // Chromium's own sandbox is not to be had as root and in most containers; the pages are ours.
            .sandbox(false)
            .args(flags.map(OsStr::new).to_vec())
            .idle_browser_timeout(2 * PATIENCE)
            .build()
            .unwrap();
        let browser = Browser::new(options).expect("Chromium starts (scripts/setup --tests installs it)");
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(PATIENCE);
        Self { tab, site, _browser: browser }
    }

    fn screen(&self, (width, height, mobile): (u32, u32, bool)) {
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

    fn open(&self, page: &Path) {
        let address = format!("file://{}", self.site.join(page).display());
        self.tab.navigate_to(&address).unwrap().wait_until_navigated().unwrap();
        self.wait_for("document.readyState === 'complete'");
    }

    /// The value of a JavaScript expression.
    fn value(&self, expression: &str) -> Value {
        self.tab.evaluate(expression, false).unwrap().value.unwrap_or(Value::Null)
    }

    fn wait_for(&self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != true {
            let page = self.value("location.href");
            assert!(start.elapsed() < PATIENCE, "{expression} does not become true on {page}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn click(&self, selector: &str) {
        self.tab.find_element(selector).unwrap().click().unwrap();
    }
}

/// What reaches beyond the screen and cannot be scrolled to within a box of its own, as wide tables and code can.
const BEYOND: &str = "[...document.querySelectorAll('main *')].filter((element) => {
    if (element.getBoundingClientRect().right <= document.documentElement.clientWidth + 1) return false;
    for (let box = element; box.tagName !== 'MAIN'; box = box.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) return false;
    return true;
}).map((element) => element.outerHTML.slice(0, 200)).join('\\n')";

#[test]
fn every_page_fits_a_phone_and_a_desktop_and_shows_its_pictures() {
    let reader = Reader::new();
    let pages: Vec<PathBuf> = tree(&reader.site)
        .into_iter()
        .filter(|file| file.extension() == Some(OsStr::new("html")) && file != Path::new("toc.html"))
        .collect();
    assert!(pages.len() > 20, "{pages:?}");
    for screen in SCREENS {
        reader.screen(screen);
        let mut pictures = 0;
        for page in &pages {
            reader.open(page);
            let name = page.display();
            let width = reader.value("document.documentElement.scrollWidth").as_u64();
            assert!(
                width.is_some_and(|width| width <= u64::from(screen.0)),
                "{name} is {width:?} of {screen:?} wide"
            );
            assert_eq!(reader.value(BEYOND), "", "{name} on {screen:?}");
            let missing = "[...document.images].filter((i) => !i.naturalWidth).map((i) => i.src).join()";
            assert_eq!(reader.value(missing), "", "{name}");
            pictures += reader.value("document.images.length").as_u64().unwrap();
            assert!(
                reader.value("document.querySelector('main h1').innerText.length").as_u64() > Some(2),
                "{name}"
            );
        }
        assert!(pictures >= 4, "{pictures} pictures on all pages");
    }
}

#[test]
fn the_table_of_contents_leads_to_a_chapter() {
    let reader = Reader::new();
    for screen @ (_, _, is_phone) in SCREENS {
        reader.screen(screen);
        reader.open(Path::new("index.html"));
        let is_open = "document.getElementById('mdbook-sidebar').getBoundingClientRect().width > 200";
        if is_phone {
            assert_eq!(reader.value(is_open), false, "it would cover the page");
            reader.click("#mdbook-sidebar-toggle");
        }
        reader.wait_for(is_open);
        reader.click("#mdbook-sidebar a[href$='limits.html']");
        reader
            .wait_for("document.title.startsWith('Limits and ethics') && document.readyState === 'complete'");
    }
}

#[test]
fn a_property_is_found_by_its_name() {
    let reader = Reader::new();
    for screen in SCREENS {
        reader.screen(screen);
        reader.open(Path::new("faq.html"));
        reader.click("#mdbook-search-toggle");
        reader.wait_for("document.activeElement.id === 'mdbook-searchbar'");
        reader.tab.type_str("detection-threshold").unwrap();
        let found = "#mdbook-searchresults a[href*='reference/element.html'][href$='#detection-threshold']";
        reader.wait_for(&format!("document.querySelector(\"{found}\") !== null"));
        reader.click(found);
        reader.wait_for("location.pathname.endsWith('/reference/element.html')");
        reader.wait_for("document.getElementById('detection-threshold') !== null");
    }
}

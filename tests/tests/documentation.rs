// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documentation's site as its readers see it: Chromium at the width of a phone and of a desktop, every page.
#![cfg(feature = "browser-tests")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facerestore_tests::{Page, target_folder, tree};
use headless_chrome::protocol::cdp::Emulation::SetDeviceMetricsOverride;
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
    page: Page,
    site: PathBuf,
}

impl Reader {
    fn new() -> Self {
        Self { site: site(), page: Page::new(PATIENCE, &[]) }
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
        self.page.tab.call_method(metrics).unwrap();
    }

    fn open(&self, page: &Path) {
        self.page.open(&format!("file://{}", self.site.join(page).display()));
        self.wait_for("document.readyState === 'complete'");
    }

    fn value(&self, expression: &str) -> Value {
        self.page.value(expression)
    }

    fn wait_for(&self, expression: &str) {
        self.page.wait_for(expression, || self.value("location.href").to_string());
    }

    fn click(&self, selector: &str) {
        self.page.tab.find_element(selector).unwrap().click().unwrap();
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
        reader.page.tab.type_str("detection-threshold").unwrap();
        let found = "#mdbook-searchresults a[href*='reference/element.html'][href$='#detection-threshold']";
        reader.wait_for(&format!("document.querySelector(\"{found}\") !== null"));
        reader.click(found);
        reader.wait_for("location.pathname.endsWith('/reference/element.html')");
        reader.wait_for("document.getElementById('detection-threshold') !== null");
    }
}

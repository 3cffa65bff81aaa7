// SPDX-License-Identifier: MIT OR Apache-2.0
//! A page in Chromium.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;

/// A tab of a browser of its own.
pub struct Page {
    /// The tab.
    pub tab: Arc<Tab>,
    patience: Duration,
    // Closes Chromium when it is dropped.
    _browser: Browser,
}

impl Page {
    /// Starts Chromium, with `flags` beside the usual ones; what takes longer than `patience` fails the test.
    #[must_use]
    pub fn new(patience: Duration, flags: &[&str]) -> Self {
        let flags = ["--disable-quic", "--disable-component-update"].iter().chain(flags);
        let options = LaunchOptions::default_builder()
            // Chromium's own sandbox is not to be had as root and in most containers; the pages are ours.
            .sandbox(false)
            .window_size(Some((1000, 800)))
            .args(flags.map(OsStr::new).collect())
            .idle_browser_timeout(2 * patience)
            .build()
            .unwrap();
        let browser = Browser::new(options).expect("Chromium starts (scripts/setup --tests installs it)");
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(patience);
        Self { tab, patience, _browser: browser }
    }

    /// Goes to `address`.
    pub fn open(&self, address: &str) {
        self.tab.navigate_to(address).unwrap().wait_until_navigated().unwrap();
    }

    /// The value of a JavaScript expression.
    #[must_use]
    pub fn value(&self, expression: &str) -> Value {
        self.tab.evaluate(expression, false).unwrap().value.unwrap_or(Value::Null)
    }

    /// Waits until a JavaScript expression is true; `state` is added to the message where it does not become so.
    pub fn wait_for(&self, expression: &str, state: impl Fn() -> String) {
        let start = Instant::now();
        while self.value(expression) != true {
            assert!(start.elapsed() < self.patience, "{expression} does not become true on {}", state());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

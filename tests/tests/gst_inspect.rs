// SPDX-License-Identifier: MIT OR Apache-2.0
//! `gst-inspect-1.0 facerestore` is the reference page that users read; its text is kept, so that a change is seen.

use facerestore_tests::{data, gst_program, init, target_folder};
use gst::prelude::*;

const GOLDEN: &str = "gst-inspect-facerestore.txt";

/// The GStreamer (Debian 12's) whose gst-inspect-1.0 wrote the kept text; others lay it out in other ways.
const LAID_OUT_BY: (u32, u32) = (1, 22);

/// What depends on the machine, the commit or the date, and not on us.
const VARYING: [&str; 3] = ["  Filename ", "  Version ", "  Source release date "];

fn normalised(text: &str) -> String {
    let mut result = String::new();
    for line in text.lines().map(str::trim_end) {
        match VARYING.iter().find(|start| line.starts_with(**start)) {
            Some(start) => result.extend([start.trim_end(), " …"]),
            None => result.push_str(line),
        }
        result.push('\n');
    }
    result
}

#[test]
fn the_reference_page_is_the_kept_one() {
    init();
    let output = gst_program("gst-inspect-1.0", &["--no-colors", "facerestore"]);
    assert!(output.success, "gst-inspect-1.0 does not know facerestore: {}{}", output.stdout, output.stderr);
    if (gst::version().0, gst::version().1) != LAID_OUT_BY {
        eprintln!("this GStreamer lays the page out in another way than {LAID_OUT_BY:?}; nothing compared");
        return;
    }
    let text = normalised(&output.stdout);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(data(GOLDEN), &text).unwrap();
    }
    let golden = std::fs::read_to_string(data(GOLDEN)).unwrap_or_default();
    if text == golden {
        return;
    }
    let new = target_folder().join(GOLDEN);
    std::fs::write(&new, &text).unwrap();
    let first = text.lines().zip(golden.lines()).find(|(new, old)| new != old);
    panic!(
        "gst-inspect-1.0 facerestore has changed, first in {first:?}. The new text is in {}; if it is right, run \
         `UPDATE_GOLDEN=1 cargo test -p facerestore-tests --test gst_inspect` and commit tests/data/{GOLDEN}",
        new.display()
    );
}

#[test]
fn every_property_is_documented() {
    init();
    let text = gst_program("gst-inspect-1.0", &["--no-colors", "facerestore"]).stdout;
    let element = gst::ElementFactory::make("facerestore").build().unwrap();
    let own = element.list_properties().into_iter().filter(|pspec| pspec.owner_type() == element.type_());
    let own: Vec<String> = own.map(|pspec| pspec.name().to_owned()).collect();
    assert!(own.len() > 15, "{own:?}");
    for property in own {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{property} ")))
            .unwrap_or_default();
        let blurb = line.split_once(':').map_or("", |(_, blurb)| blurb.trim());
        assert!(blurb.len() > 25, "{property} is described as {blurb:?}");
    }
}

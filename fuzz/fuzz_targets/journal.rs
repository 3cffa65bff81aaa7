// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal of `idm prepare`: any bytes are records of files in its folder, or refused.
#![no_main]

use std::path::{Component, Path};

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use training::prepare::{Collection, Journal};

fuzz_target!(|input: &[u8]| {
    // The settings are the first line.
    let bytes = [b"{}\n".as_slice(), input].concat();
    let Ok((_, records)) = Journal::open(&file("journal.jsonl", &bytes), &json!({})) else { return };
    let mut collection = Collection::new(8);
    for record in records {
        for mut face in record.faces {
            for name in std::iter::once(&face.file).chain(&face.replaces) {
                let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
                assert!(inside && !name.is_empty(), "{name:?}");
            }
            collection.compare(&mut face);
            collection.add(face);
        }
        collection.finish_photo(record.photo, 0);
    }
});

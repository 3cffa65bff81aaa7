// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file holds follows from its content.

use image::ImageFormat;
use training::picture::{self, Content};

use crate::common::several::{animated_webp, apng, gif, tiff_pages};

#[test]
fn files_of_several_pictures_are_known_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.jpg");
    let animation = |format| Content::Several(format, "an animation");
    let cases = [
        (gif(1), Content::Picture(ImageFormat::Gif)),
        (gif(2), animation(ImageFormat::Gif)),
        (apng(), animation(ImageFormat::Png)),
        (animated_webp(), animation(ImageFormat::WebP)),
        (tiff_pages(&[false]), Content::Picture(ImageFormat::Tiff)),
        // With a thumbnail.
        (tiff_pages(&[false, true]), Content::Picture(ImageFormat::Tiff)),
        (tiff_pages(&[false, true, false]), Content::Several(ImageFormat::Tiff, "several pages")),
        (b"no picture".to_vec(), Content::Unreadable("it is text".to_owned())),
    ];
    for (bytes, expected) in cases {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Content::of(&path), expected);
        // The first picture is there.
        assert_eq!(picture::read(&path).is_ok(), !matches!(expected, Content::Unreadable(_)), "{expected:?}");
    }
    assert!(matches!(Content::of(folder.path()), Content::Unreadable(_)));
}

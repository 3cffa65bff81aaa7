// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm restore` on photos of all kinds of files: none is lost, and none is passed over in silence.

use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use training::picture;

use crate::common::several::{animated_webp, apng, gif, tiff_pages};
use crate::common::{failed, idm_on_small_disk, names, succeeded, test_data, text, untrained_model};
use crate::pictures::{PHOTOS, restore, restore_arguments};

fn portrait() -> DynamicImage {
    DynamicImage::ImageRgb8(picture::read(&test_data("astronaut.png")).unwrap())
}

/// A part of the portrait without a face.
fn suit() -> DynamicImage {
    portrait().crop_imm(0, 300, 200, 200)
}

fn folders(folder: &Path) -> (PathBuf, PathBuf) {
    let (photos, output) = (folder.join("photos"), folder.join("out"));
    std::fs::create_dir(&photos).unwrap();
    (photos, output)
}

/// Without a face every file is copied byte for byte under its own name, also of a format that is not written, and under a name
/// that lies. Of several pictures none is lost.
#[test]
fn whatever_has_no_face_or_several_pictures_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = folders(folder.path());
    let several = [
        ("page.tif", tiff_pages(&[false; 2])),
        ("a.gif", gif(3)),
        ("a.png", apng()),
        ("a.webp", animated_webp()),
    ];
    for (name, bytes) in &several {
        std::fs::write(photos.join(name), bytes).unwrap();
    }
    suit().save_with_format(photos.join("shop.webp"), ImageFormat::Jpeg).unwrap();
    suit().save(photos.join("scan.bmp")).unwrap();
    suit().save(photos.join("scan.bmp.png")).unwrap();
    suit().save(photos.join("still.gif")).unwrap();
    std::fs::write(photos.join("sent.jpg"), b"\0\0\0\x10ftypavif\0\0\0\0").unwrap();
    let model = untrained_model(folder.path(), false);
    for said in ["4 pictures restored", "0 pictures restored"] {
        let restored = restore(&model, &photos, &output, &PHOTOS);
        failed(&restored, &["sent.jpg", "it is AVIF", "5 of 9 pictures could not be restored"]);
        failed(
            &restored,
            &["page.tif: it is several pages", "a.gif: it is an animation", "a.png: it is", "a.webp: it is"],
        );
        assert!(text(&restored.stdout).contains(said), "{}", text(&restored.stdout));
    }
    let mut expected = names(&photos);
    expected.retain(|name| name != "sent.jpg");
    assert_eq!(names(&output), expected);
    for name in expected {
        let [before, after] = [&photos, &output].map(|folder| std::fs::read(folder.join(&name)).unwrap());
        assert!(before == after, "{name}");
    }
}

/// The result of a BMP file is PNG, beside a PNG file that has its name already; a JPEG file stays one, whatever its name.
#[test]
fn results_have_names_of_their_own_and_the_formats_of_their_contents() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = folders(folder.path());
    portrait().save(photos.join("a.bmp")).unwrap();
    portrait().save(photos.join("a.bmp.png")).unwrap();
    portrait().save_with_format(photos.join("shop.webp"), ImageFormat::Jpeg).unwrap();
    portrait().save_with_format(photos.join("web.jpg"), ImageFormat::WebP).unwrap();
    let model = untrained_model(folder.path(), false);
    succeeded(&restore(&model, &photos, &output, &PHOTOS));
    assert_eq!(names(&output), ["a.bmp.png", "a.bmp.png.png", "shop.webp", "web.jpg.png"]);
    let formats = [ImageFormat::Png, ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Png];
    for (name, format) in names(&output).iter().zip(formats) {
        assert_eq!(
            image::guess_format(&std::fs::read(output.join(name)).unwrap()).unwrap(),
            format,
            "{name}"
        );
    }
    assert!(succeeded(&restore(&model, &photos, &output, &PHOTOS)).contains("4 pictures there before"));
}

/// The result's name is longer than file systems allow: with `.png` behind it, it has more than 255 bytes.
#[test]
fn a_result_that_cannot_be_written_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = folders(folder.path());
    let long = format!("a{}.bmp", "b".repeat(250));
    portrait().save(photos.join(&long)).unwrap();
    portrait().save(photos.join("z.png")).unwrap();
    let model = untrained_model(folder.path(), false);
    let restored = restore(&model, &photos, &output, &PHOTOS);
    failed(&restored, &["cannot write", &long, "1 of 2 pictures could not be restored"]);
    assert_eq!(names(&output), ["z.png"]);

    // The same of aligned faces, whose names are one up to the ending.
    let (faces, output) = (folder.path().join("faces"), folder.path().join("restored"));
    std::fs::create_dir(&faces).unwrap();
    for name in [long.replace("bmp", "jpg"), long.replace("bmp", "png"), "z.png".to_owned()] {
        suit().save(faces.join(name)).unwrap();
    }
    let restored = restore(&model, &faces, &output, &["--aligned"]);
    failed(&restored, &["cannot write", &long[..250], "2 of 3 pictures could not be restored"]);
    assert_eq!(names(&output), ["z.png"]);
}

#[test]
fn a_full_disk_ends_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = folders(folder.path());
    std::fs::create_dir(&output).unwrap();
    portrait().save(photos.join("a.png")).unwrap();
    suit().save(photos.join("b.png")).unwrap();
    let model = untrained_model(folder.path(), false);
    let full = idm_on_small_disk(&output, 48, &restore_arguments(&model, &photos, &output, &PHOTOS));
    failed(&full, &["cannot write", "a.png", "No space left on device"]);
    assert!(!text(&full.stderr).contains("could not be restored") && names(&output).is_empty());
    succeeded(&restore(&model, &photos, &output, &PHOTOS));
    assert_eq!(names(&output), ["a.png", "b.png"]);
}

#[test]
fn an_aligned_face_is_no_animation() {
    let folder = tempfile::tempdir().unwrap();
    let (faces, output) = folders(folder.path());
    std::fs::write(faces.join("a.gif"), gif(2)).unwrap();
    let model = untrained_model(folder.path(), false);
    let restored = restore(&model, &faces, &output, &["--aligned"]);
    failed(&restored, &["a.gif: it is an animation", "1 of 1 picture could not be restored"]);
}

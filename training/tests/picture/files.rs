// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picture files: what is wrong with one is said, writing is all or nothing, resizing neither aliases nor shifts.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use training::picture::{self, Listing};

use crate::common::several::tiff_pages;

fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data")).join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn unreadable_pictures_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(data("astronaut.png")).unwrap();
    let photo = std::fs::read(data("biden.jpg")).unwrap();
    let cases: [(&str, &[u8], &str); 14] = [
        ("empty.png", b"", "it is empty"),
        ("text.jpg", "This is no picture, not even café.".as_bytes(), "it is text"),
        ("cut.png", &whole[..whole.len() / 2], ""),
        ("cut.jpg", &photo[..300], "it is cut off"),
        ("phone.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic....", "it is HEIC"),
        ("web.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif....", "it is AVIF"),
        ("clip.jpg", b"\0\0\0\x10ftypmp42\0\0\0\0....", "it is a film"),
        ("new.png", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a", "it is JPEG XL"),
        ("layers.png", b"8BPS\0\x01", "it is a Photoshop document"),
        ("icon.bmp", b"\0\0\x01\0\x01\0", "it is ICO"),
        ("noise.png", &[0x80, 0x81, 0x82, 0, 1, 2], "its format is unknown"),
        ("empty.gif", b"GIF89a\x01\0\x01\0\0\0\0;", ""),
        ("canon.tif", b"II*\0\x10\0\0\0CR\x02\0", "RAW"),
        ("camera.tif", &tiff_pages(&[true, false]), "RAW"),
    ];
    for (name, bytes, reason) in cases {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let message = picture::read(&file).unwrap_err().to_string();
        assert!(message.contains(&format!("{name} is not a readable picture: ")), "{message}");
        assert!(message.contains(reason) && message.contains("PNG, JPEG, WebP, TIFF, GIF"), "{message}");
    }
    for path in [folder.path().join("nowhere.png"), folder.path().to_owned()] {
        let message = picture::read(&path).unwrap_err().to_string();
        assert!(message.starts_with("cannot read") && message.contains(path.to_str().unwrap()), "{message}");
    }
    assert!(picture::list(&folder.path().join("nowhere")).is_err());
}

#[test]
fn any_colour_type_is_read_as_rgb_and_turned_upright() {
    let folder = tempfile::tempdir().unwrap();
    let upright = picture::read(&data("astronaut.png")).unwrap();
    let part = image::imageops::crop_imm(&upright, 100, 0, 120, 80).to_image();
    let grey = folder.path().join("grey.png");
    image::DynamicImage::ImageRgb8(part.clone()).to_luma16().save(&grey).unwrap();
    let read = picture::read(&grey).unwrap();
    assert!(
        read.dimensions() == (120, 80)
            && read.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    );

    // A camera held upright: the sensor's rows run from right to left, orientation 6.
    let lying = image::imageops::rotate270(&part);
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
    encoder.add_exif_metadata(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0").unwrap();
    encoder.encode(&lying, 80, 120, jpeg_encoder::ColorType::Rgb).unwrap();
    let turned = folder.path().join("turned.jpg");
    std::fs::write(&turned, bytes).unwrap();
    let read = picture::read(&turned).unwrap();
    assert!(training::metrics::psnr(&read, &part).unwrap() > 35.0);
}

#[test]
fn folders_are_listed_by_name_without_other_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.PNG", "a.jpeg", "c.jpg", "d.TIFF", ".hidden.png", "notes.txt", "e.heic"] {
        std::fs::write(folder.path().join(name), b"").unwrap();
    }
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    let listed = picture::list(folder.path()).unwrap();
    let listed: Vec<_> = listed.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(listed, ["a.jpeg", "b.PNG", "c.jpg", "d.TIFF"]);
    let listing = Listing::of(folder.path()).unwrap();
    assert_eq!(listing.unreadable, [(PathBuf::from("e.heic"), "it is empty".to_owned())]);
    assert_eq!(listing.others, [PathBuf::from("notes.txt")]);
}

/// Phones call JPEG files .HEIC, and some files have no ending. A RAW picture is a TIFF file by its content.
#[test]
fn where_a_name_says_too_little_the_content_decides() {
    let folder = tempfile::tempdir().unwrap();
    let photo = std::fs::read(data("biden.jpg")).unwrap();
    std::fs::write(folder.path().join("IMG_1.HEIC"), &photo).unwrap();
    std::fs::write(folder.path().join("scan"), &photo).unwrap();
    std::fs::write(folder.path().join("README"), "no picture").unwrap();
    std::fs::write(folder.path().join("raw.dng"), tiff_pages(&[true, false])).unwrap();
    let tiff = folder.path().join("whole.tif");
    RgbImage::new(2, 2).save(&tiff).unwrap();
    std::fs::rename(tiff, folder.path().join("whole.nef")).unwrap();
    let listing = Listing::of(folder.path()).unwrap();
    assert_eq!(listing.pictures, ["IMG_1.HEIC", "scan"].map(PathBuf::from));
    assert_eq!(
        picture::list(folder.path()).unwrap(),
        ["IMG_1.HEIC", "scan"].map(|name| folder.path().join(name))
    );
    assert_eq!(listing.others, [PathBuf::from("README")]);
    let unreadable: Vec<_> = listing.unreadable.iter().map(|(file, _)| file.to_str().unwrap()).collect();
    assert_eq!(unreadable, ["raw.dng", "whole.nef"]);
}

#[test]
fn writing_replaces_whole_files_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let part = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, 90]));
    let file = folder.path().join("a.png");
    std::fs::write(&file, b"old").unwrap();
    picture::write(&file, &part).unwrap();
    assert_eq!(picture::read(&file).unwrap(), part);
    picture::write(&folder.path().join("b.JPG"), &part).unwrap();

    // The rename fails, as a folder has the name.
    std::fs::create_dir(folder.path().join("c.png")).unwrap();
    let message = picture::write(&folder.path().join("c.png"), &part).unwrap_err().to_string();
    assert!(message.contains("cannot write") && message.contains("c.png"), "{message}");
    let message = picture::write(&folder.path().join("d.webp"), &part).unwrap_err().to_string();
    assert!(message.contains(".png, .jpg or .jpeg"), "{message}");
    assert!(picture::write(&folder.path().join("e.png"), &RgbImage::new(0, 0)).is_err());
    assert!(picture::write(&folder.path().join("nowhere/f.png"), &part).is_err());
    assert_eq!(names(folder.path()), ["a.png", "b.JPG", "c.png"]);

    // What a killed run left of a file is cleared away by the next that makes it, and by no other.
    for name in [".g.pngX1y2Z3.part", ".h.pngX1y2Z3.part"] {
        std::fs::write(folder.path().join(name), b"half").unwrap();
    }
    let files = [folder.path().join("g.png"), folder.path().join("new/h.png")];
    picture::prepare_outputs(files.iter().map(PathBuf::as_path)).unwrap();
    assert_eq!(names(folder.path()), [".h.pngX1y2Z3.part", "a.png", "b.JPG", "c.png", "new"]);
}

#[test]
fn shrinking_is_filtered_or_not_as_the_name_says() {
    let stripes = RgbImage::from_fn(96, 96, |x, _| Rgb([if x % 2 == 0 { 255 } else { 0 }; 3]));
    let filtered = picture::resize_antialiased(&stripes, 32, 32).unwrap();
    let inner = |picture: &RgbImage| {
        let values: Vec<u8> = (4..28).map(|x| picture.get_pixel(x, 16)[0]).collect();
        (*values.iter().min().unwrap(), *values.iter().max().unwrap())
    };
    let (low, high) = inner(&filtered);
    assert!(low >= 118 && high <= 138, "stripes finer than a pixel became {low} to {high}");
    // Every third column alone: the stripes alias to stripes of full contrast.
    assert_eq!(inner(&picture::resize_bilinear(&stripes, 32, 32).unwrap()), (0, 255));
}

#[test]
fn resizing_keeps_a_ramp_in_place() {
    let ramp = image::Rgb32FImage::from_fn(64, 64, |x, y| Rgb([x as f32, y as f32, 0.0]));
    let resizers = [picture::resize_bilinear_f32, picture::resize_cubic_f32];
    for (side, step) in [(128_u32, 0.5_f32), (32, 2.0)] {
        for resize in resizers {
            let resized = resize(&ramp, side, side).unwrap();
            for (x, y, pixel) in resized.enumerate_pixels() {
                // Pixel centres: x' + ½ = (x + ½) · scale; the border is the picture's edge.
                let inside = |at: u32| (side / 8..side - side / 8).contains(&at);
                if inside(x) && inside(y) {
                    let expected = |at: u32| (at as f32 + 0.5) * step - 0.5;
                    assert!((pixel[0] - expected(x)).abs() < 1e-3, "{side}: x {x} is {}", pixel[0]);
                    assert!((pixel[1] - expected(y)).abs() < 1e-3, "{side}: y {y} is {}", pixel[1]);
                }
            }
        }
    }
    assert!(picture::resize_bilinear_f32(&ramp, 0, 5).is_err());
}

#[test]
fn the_centre_is_cut_from_a_picture_that_is_not_square() {
    let picture = RgbImage::from_fn(90, 30, |x, _| Rgb([(x / 30) as u8 * 100; 3]));
    let square = picture::resize_to_square(&picture, 15).unwrap();
    assert_eq!(square.dimensions(), (15, 15));
    assert!(square.pixels().all(|pixel| pixel.0 == [100; 3]));
}

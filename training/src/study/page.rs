// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page that a rater opens: one HTML file with all pictures in it, which names systems and faces by codes only.

use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::RgbImage;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::faces::FacePictures;
use super::key::{FaceKey, Key};
use crate::picture::{self, Format, PictureError};
use crate::seed::seed_for;

/// What the paper asked its raters: to "select which model shows the best perceptual quality while preserving the facial
/// details given the ground-truth images" (its section on the user study, Table 3), in plainer words.
pub const PAPER_QUESTION: &str =
    "Which picture has the best quality while keeping the details of the true face?";

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Characters of the codes, without those that look alike.
const ALPHABET: &[u8] = b"bcdfghjkmnpqrstvwxyz23456789";

/// Characters of a code: few enough to read out, and 28⁶ of them.
const CODE_LENGTH: usize = 6;

/// How the pictures of a page are encoded, as the key and the page state it.
#[must_use]
pub fn encoding(format: Format) -> String {
    match format {
        Format::Png => "PNG (lossless)".to_owned(),
        Format::Jpeg => format!("JPEG of quality {}", picture::JPEG_QUALITY),
    }
}

/// The JSON inside the page, which its script reads.
#[derive(Serialize)]
struct Data<'a> {
    study: &'a str,
    questions: &'a [String],
    encoding: &'a str,
    faces: Vec<Face<'a>>,
}

#[derive(Serialize)]
struct Face<'a> {
    code: &'a str,
    width: u32,
    height: u32,
    truth: &'a str,
    degraded: Option<&'a str>,
    /// In balanced order, see [`balanced_orders`].
    pictures: Vec<Picture<'a>>,
}

#[derive(Serialize)]
struct Picture<'a> {
    code: &'a str,
    uri: &'a str,
}

/// The pictures of a face as data URIs.
#[derive(Debug)]
struct EncodedFace {
    name: String,
    width: u32,
    height: u32,
    truth: String,
    degraded: Option<String>,
    restored: Vec<String>,
}

/// Collects faces and makes the page and its key of them. The same faces, systems, questions and seed give the same
/// bytes.
#[derive(Debug)]
pub struct PageBuilder {
    format: Format,
    seed: u64,
    systems: Vec<String>,
    questions: Vec<String>,
    faces: Vec<EncodedFace>,
    /// Of all that the page is made of.
    hash: u64,
}

impl PageBuilder {
    /// A page without faces that compares `systems` and asks `questions` about each face.
    #[must_use]
    pub fn new(systems: Vec<String>, questions: Vec<String>, format: Format, seed: u64) -> Self {
        let hash = systems.iter().chain(&questions).fold(seed, |hash, text| seed_for(hash, text));
        Self { format, seed, systems, questions, faces: Vec::new(), hash }
    }

    /// Adds the face `name`; its restored pictures are in the order of the systems.
    ///
    /// # Errors
    /// [`PictureError::Encode`] for a picture that the format cannot hold.
    pub fn add(&mut self, name: &str, pictures: &FacePictures) -> Result<(), PictureError> {
        let mut uri = |picture: &RgbImage| -> Result<String, PictureError> {
            let uri = data_uri(picture, self.format)?;
            self.hash = seed_for(self.hash, &uri);
            Ok(uri)
        };
        let (width, height) = pictures.truth.dimensions();
        self.faces.push(EncodedFace {
            name: name.to_owned(),
            width,
            height,
            truth: uri(&pictures.truth)?,
            degraded: pictures.degraded.as_ref().map(&mut uri).transpose()?,
            restored: pictures.restored.iter().map(uri).collect::<Result<_, _>>()?,
        });
        Ok(())
    }

    /// The page's HTML and the key to its codes.
    ///
    /// # Errors
    /// When serde cannot write the page's JSON (out of memory).
    pub fn finish(self) -> serde_json::Result<(String, Key)> {
        // The hash itself is not in the page: from it the codes would follow.
        let mut rng = ChaCha8Rng::seed_from_u64(self.hash);
        let mut used = HashSet::new();
        let study = draw_code(&mut rng, &mut used);
        let orders = balanced_orders(self.faces.len(), self.systems.len(), &mut rng);
        let encoding = encoding(self.format);
        let codes: Vec<(String, Vec<String>)> = self
            .faces
            .iter()
            .map(|face| {
                let pictures = face.restored.iter().map(|_| draw_code(&mut rng, &mut used)).collect();
                (draw_code(&mut rng, &mut used), pictures)
            })
            .collect();
        let faces = self.faces.iter().zip(&codes).zip(&orders).map(|((face, (code, codes)), order)| Face {
            code,
            width: face.width,
            height: face.height,
            truth: &face.truth,
            degraded: face.degraded.as_deref(),
            pictures: order
                .iter()
                .map(|&system| Picture { code: &codes[system], uri: &face.restored[system] })
                .collect(),
        });
        let data =
            Data { study: &study, questions: &self.questions, encoding: &encoding, faces: faces.collect() };
        let html = fill_template(&serde_json::to_string(&data)?);
        let faces: BTreeMap<String, FaceKey> = self
            .faces
            .into_iter()
            .zip(codes)
            .map(|(face, (code, codes))| {
                let pictures = codes.into_iter().zip(0..).collect();
                (code, FaceKey { name: face.name, pictures })
            })
            .collect();
        let (seed, questions, systems) = (self.seed, self.questions, self.systems);
        Ok((html, Key { study, seed, encoding, questions, systems, faces }))
    }
}

fn fill_template(json: &str) -> String {
    // A question may contain "</script>"; JSON lets every < be written so.
    let json = json.replace('<', "\\u003c");
    // The data last: nothing in it is a place to fill.
    TEMPLATE.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT).replace("{{data}}", &json)
}

fn data_uri(picture: &RgbImage, format: Format) -> Result<String, PictureError> {
    let kind = match format {
        Format::Png => "png",
        Format::Jpeg => "jpeg",
    };
    Ok(format!("data:image/{kind};base64,{}", BASE64.encode(picture::encode(picture, format)?)))
}

/// A code that is not in `used` yet.
fn draw_code(rng: &mut impl Rng, used: &mut HashSet<String>) -> String {
    loop {
        let characters = (0..CODE_LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
        let code: String = characters.collect();
        if used.insert(code.clone()) {
            return code;
        }
    }
}

/// For each face the systems in the order of their positions. In every run of as many faces as there are systems each
/// system is once at each position (a random permutation and its rotations, shuffled).
///
/// The page rotates the orders further, all by one number that depends on the rater: positions stay balanced for
/// every rater.
pub(super) fn balanced_orders(faces: usize, systems: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let mut orders = Vec::with_capacity(faces + systems);
    while orders.len() < faces {
        let mut base: Vec<usize> = (0..systems).collect();
        base.shuffle(rng);
        let mut block: Vec<Vec<usize>> = (0..systems)
            .map(|shift| {
                let mut order = base.clone();
                order.rotate_left(shift);
                order
            })
            .collect();
        block.shuffle(rng);
        orders.append(&mut block);
    }
    orders.truncate(faces);
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_is_at_every_position_equally_often() {
        for (faces, systems) in [(20, 2), (35, 5), (9, 3)] {
            let orders = balanced_orders(faces, systems, &mut ChaCha8Rng::seed_from_u64(3));
            assert_eq!(orders.len(), faces);
            for position in 0..systems {
                for system in 0..systems {
                    let count = orders.iter().filter(|order| order[position] == system).count();
                    assert_eq!(count, faces / systems, "system {system} at {position}");
                }
            }
            assert_ne!(orders, balanced_orders(faces, systems, &mut ChaCha8Rng::seed_from_u64(4)));
        }
        let orders = balanced_orders(7, 3, &mut ChaCha8Rng::seed_from_u64(3));
        let first = |system| orders.iter().filter(|order| order[0] == system).count();
        assert!((0..3).all(|system| first(system) == 2 || first(system) == 3));
    }

    #[test]
    fn questions_cannot_end_the_script() {
        let html = fill_template(r#"{"questions":["</script><b>"]}"#);
        assert!(html.contains(r"\u003c/script>\u003cb>"), "{html}");
    }
}

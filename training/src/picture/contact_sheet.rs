// SPDX-License-Identifier: MIT OR Apache-2.0
//! A contact sheet: rows of equally large pictures under headings, each with a caption.

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, iso_8859_1};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor, WebColors};
use embedded_graphics::prelude::DrawTarget;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{Rgb, RgbImage, imageops};

/// Pixels around the whole sheet.
const MARGIN: u32 = 16;
/// Pixels between two columns of one group.
const GAP: u32 = 4;
/// Pixels between two groups.
const GROUP_GAP: u32 = 20;
/// Pixels of the headings: a group's name, a rule, and its columns' labels.
const HEADING: u32 = 60;
/// Pixels below a row, for its captions.
const FOOTING: u32 = 32;

/// A column's heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// What neighbouring columns have in common; written once above them.
    pub group: String,
    /// What is this column's own.
    pub label: String,
}

/// A picture and what is written below it.
#[derive(Debug, Clone)]
pub struct Tile {
    /// A few words.
    pub caption: String,
    /// All pictures of a sheet have the same size.
    pub picture: RgbImage,
}

/// Draws `rows` of one tile for each heading on white. Latin letters can be drawn, others become `?`.
#[must_use]
pub fn contact_sheet(headings: &[Heading], rows: &[Vec<Tile>]) -> RgbImage {
    let first = rows.iter().flatten().next();
    let (width, height) = first.map_or((1, 1), |tile| tile.picture.dimensions());
    let lefts = lefts(headings, width);
    let right = lefts.last().map_or(MARGIN, |left| left + width);
    let bottom = MARGIN + HEADING + rows.len() as u32 * (height + FOOTING);
    let mut sheet = Sheet(RgbImage::from_pixel(right + MARGIN, bottom, Rgb([255; 3])));
    draw_headings(&mut sheet, headings, &lefts, width);
    for (index, row) in rows.iter().enumerate() {
        let top = MARGIN + HEADING + index as u32 * (height + FOOTING);
        for (tile, &left) in row.iter().zip(&lefts) {
            imageops::replace(&mut sheet.0, &tile.picture, i64::from(left), i64::from(top));
            let below = Point::new((left + width / 2) as i32, (top + height + GAP) as i32);
            sheet.write(&tile.caption, below, &iso_8859_1::FONT_9X15);
        }
    }
    sheet.0
}

/// The left side of every column.
fn lefts(headings: &[Heading], width: u32) -> Vec<u32> {
    let mut lefts: Vec<u32> = Vec::with_capacity(headings.len());
    for (index, heading) in headings.iter().enumerate() {
        lefts.push(match lefts.last() {
            None => MARGIN,
            Some(left) if headings[index - 1].group == heading.group => left + width + GAP,
            Some(left) => left + width + GROUP_GAP,
        });
    }
    lefts
}

fn draw_headings(sheet: &mut Sheet, headings: &[Heading], lefts: &[u32], width: u32) {
    let mut first = 0;
    for group in headings.chunk_by(|one, other| one.group == other.group) {
        let (left, right) = (lefts[first], lefts[first + group.len() - 1] + width);
        let middle = |left: u32, right: u32| ((left + right) / 2) as i32;
        let above = Point::new(middle(left, right), MARGIN as i32);
        sheet.write(&group[0].group, above, &iso_8859_1::FONT_10X20);
        for x in left..right {
            sheet.0.put_pixel(x, MARGIN + 25, Rgb([0; 3]));
        }
        for (heading, &left) in group.iter().zip(&lefts[first..]) {
            let place = Point::new(middle(left, left + width), (MARGIN + 33) as i32);
            sheet.write(&heading.label, place, &iso_8859_1::FONT_10X20);
        }
        first += group.len();
    }
}

/// The sheet as something that text can be drawn on.
struct Sheet(RgbImage);

impl Sheet {
    /// Writes `text` centred below `place`.
    fn write(&mut self, text: &str, place: Point, font: &MonoFont<'_>) {
        let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
        let font = MonoTextStyle::new(font, Rgb888::CSS_BLACK);
        // The fonts have ISO 8859-1, without a minus sign.
        let text = text.replace('−', "-");
        let Ok(_) = Text::with_text_style(&text, place, font, style).draw(self);
    }
}

impl OriginDimensions for Sheet {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Sheet {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(place, color) in pixels {
            // Text that is too long for the sheet is cut.
            if let (Ok(x), Ok(y)) = (u32::try_from(place.x), u32::try_from(place.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

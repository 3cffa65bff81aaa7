// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pieces that a large photo is looked at in.

use crate::face::BoundingBox;

/// Side of a tile, in pixels of the network's input.
pub(crate) const TILE: u32 = 1280;
/// What neighbours share at least: a face of this size that an edge cuts is whole in the next tile.
const SHARED: u32 = 256;

/// A rectangle of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Number of columns, [`TILE`] at most.
    pub width: u32,
    /// Number of rows, [`TILE`] at most.
    pub height: u32,
    /// Whether the picture goes on to the right of it.
    goes_on_right: bool,
    /// Whether the picture goes on below it.
    goes_on_below: bool,
}

impl Tile {
    /// Whether no edge that the tile shares with a neighbour cuts `bbox`, which is counted from the tile's corner in pixels
    /// of which one is `scale` of the tile's.
    pub(crate) fn holds(&self, bbox: &BoundingBox, scale: f32) -> bool {
        let (width, height) = (self.width as f32 / scale, self.height as f32 / scale);
        (self.x == 0 || bbox.x >= 0.0)
            && (self.y == 0 || bbox.y >= 0.0)
            && (!self.goes_on_right || bbox.x + bbox.width <= width)
            && (!self.goes_on_below || bbox.y + bbox.height <= height)
    }
}

/// Tiles of one size that cover a picture and overlap evenly, row by row.
pub(crate) fn tiles(width: u32, height: u32) -> Vec<Tile> {
    let (across, down) = (width.min(TILE), height.min(TILE));
    let rows = starts(height);
    let columns = starts(width);
    let tile = |x: u32, y: u32| Tile {
        x,
        y,
        width: across,
        height: down,
        goes_on_right: x + across < width,
        goes_on_below: y + down < height,
    };
    rows.iter().flat_map(|&y| columns.iter().map(move |&x| tile(x, y))).collect()
}

/// Where the tiles of a side of `length` pixels begin.
fn starts(length: u32) -> Vec<u32> {
    if length <= TILE {
        return vec![0];
    }
    let steps = (length - TILE).div_ceil(TILE - SHARED);
    let start = |step: u32| u64::from(step) * u64::from(length - TILE) / u64::from(steps);
    // Below `length`, so it fits.
    (0..=steps).map(|step| start(step) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_and_share_enough() {
        for length in [1, 640, TILE, TILE + 1, 2 * TILE - SHARED, 2 * TILE - SHARED + 1, 4000, 12_001] {
            let starts = starts(length);
            assert_eq!((starts[0], starts[starts.len() - 1] + length.min(TILE)), (0, length));
            for pair in starts.windows(2) {
                assert!(pair[0] < pair[1] && pair[0] + TILE >= pair[1] + SHARED, "{length}: {starts:?}");
            }
        }
        assert_eq!(tiles(4000, 3000).len(), 4 * 3);
        assert_eq!(tiles(300, 200).len(), 1);
    }

    #[test]
    fn a_face_at_an_inner_edge_is_left_to_the_neighbour() {
        let [left, right] = tiles(2304, 1000)[..] else { panic!("{:?}", tiles(2304, 1000)) };
        let bbox = |x: f32| BoundingBox { x, y: -5.0, width: 50.0, height: 60.0 };
        // At half size the left tile ends at 2560 pixels of the photo.
        assert!(left.holds(&bbox(-9.0), 0.5) && left.holds(&bbox(2510.0), 0.5));
        assert!(!left.holds(&bbox(2511.0), 0.5));
        assert!(right.holds(&bbox(2540.0), 0.5) && !right.holds(&bbox(-1.0), 0.5));
    }
}

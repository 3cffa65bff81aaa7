// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has changed in a picture since faces were looked for in it: where nothing has, nobody has come.

use crate::cells::Cells;
use crate::face::BoundingBox;
use crate::region::Region;

/// Change of a cell's mean, in grey levels, from which on something has come or moved. The noise of a camera changes it by
/// a tenth of that.
const CHANGE: u8 = 4;

/// Each part of the picture as it was when faces were last looked for in it. What changes slowly counts once the sum of
/// its changes does.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    searched: Option<Cells>,
}

impl Watch {
    /// The rectangle that holds all that has changed in the picture of `size` pixels since it was searched, outside of `known`
    /// faces: the whole picture where it was not, `None` where nothing has changed.
    #[must_use]
    pub fn changed(&self, now: &Cells, size: (u32, u32), known: &[BoundingBox]) -> Option<Region> {
        let (width, height) = now.size();
        let before = self.searched.as_ref().filter(|before| before.size() == now.size());
        let Some(before) = before else {
            let whole = (width > 0 && height > 0).then_some(((0, width - 1), (0, height - 1)));
            return whole.map(|(columns, rows)| now.region(columns, rows, size));
        };
        let mut span: Option<((usize, usize), (usize, usize))> = None;
        for (index, (before, after)) in before.means().iter().zip(now.means()).enumerate() {
            let (column, row) = (index % width, index / width);
            if before.abs_diff(*after) < CHANGE
                || lies_in(now.region((column, column), (row, row), size), known)
            {
                continue;
            }
            let (columns, rows) = span.get_or_insert(((column, column), (row, row)));
            *columns = (columns.0.min(column), columns.1.max(column));
            *rows = (rows.0.min(row), rows.1.max(row));
        }
        span.map(|(columns, rows)| now.region(columns, rows, size))
    }

    /// Faces were looked for in this part of the picture of `size` pixels; those that are there are known.
    pub fn searched(&mut self, now: &Cells, size: (u32, u32), part: Region) {
        let inside = |column, row| {
            let cell = now.region((column, column), (row, row), size);
            cell.x >= part.x
                && cell.y >= part.y
                && cell.x + cell.width <= part.x + part.width
                && cell.y + cell.height <= part.y + part.height
        };
        match self.searched.as_mut().filter(|before| before.size() == now.size()) {
            Some(before) => before.update(now, inside),
            None => self.searched = Some(now.clone()),
        }
    }
}

/// Whether the cell's middle lies in one of the boxes.
fn lies_in(cell: Region, boxes: &[BoundingBox]) -> bool {
    let (x, y) = (cell.x as f32 + cell.width as f32 / 2.0, cell.y as f32 + cell.height as f32 / 2.0);
    boxes
        .iter()
        .any(|bbox| (bbox.x..bbox.x + bbox.width).contains(&x) && (bbox.y..bbox.y + bbox.height).contains(&y))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (1280, 720);
    const WHOLE: Region = Region { x: 0, y: 0, width: 1280, height: 720 };

    /// A grey picture with a lighter rectangle.
    fn cells(area: Region, level: u8) -> Cells {
        let row = |y: i32| -> Vec<u8> {
            let inside = |x: i32| {
                (area.x..area.x + area.width).contains(&x) && (area.y..area.y + area.height).contains(&y)
            };
            (0..1280).map(|x| if inside(x) { 100 + level } else { 100 }).collect()
        };
        let rows: Vec<Vec<u8>> = (0..720).map(row).collect();
        Cells::of(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), &[1.0], SIZE)
    }

    const SPOT: Region = Region { x: 400, y: 200, width: 60, height: 40 };

    #[test]
    fn what_was_never_searched_is_the_whole_picture_and_what_was_is_nothing() {
        let mut watch = Watch::default();
        let now = cells(SPOT, 50);
        assert_eq!(watch.changed(&now, SIZE, &[]), Some(WHOLE));
        watch.searched(&now, SIZE, WHOLE);
        assert_eq!(watch.changed(&now, SIZE, &[]), None);
        assert_eq!(watch.changed(&cells(SPOT, 53), SIZE, &[]), None, "noise");
    }

    #[test]
    fn a_change_is_where_it_is_until_that_part_is_searched() {
        let mut watch = Watch::default();
        watch.searched(&cells(SPOT, 0), SIZE, WHOLE);
        let now = cells(SPOT, 30);
        assert_eq!(watch.changed(&now, SIZE, &[]), Some(SPOT));
        let elsewhere = Region { x: 0, y: 0, width: 400, height: 720 };
        watch.searched(&now, SIZE, elsewhere);
        assert_eq!(watch.changed(&now, SIZE, &[]), Some(SPOT));
        watch.searched(&now, SIZE, SPOT);
        assert_eq!(watch.changed(&now, SIZE, &[]), None);
    }

    #[test]
    fn slow_changes_add_up() {
        let mut watch = Watch::default();
        watch.searched(&cells(SPOT, 0), SIZE, WHOLE);
        let seen: Vec<bool> =
            (1..6).map(|level| watch.changed(&cells(SPOT, level), SIZE, &[]).is_some()).collect();
        assert_eq!(seen, [false, false, false, true, true]);
    }

    #[test]
    fn what_changes_within_a_known_face_is_no_news() {
        let mut watch = Watch::default();
        watch.searched(&cells(SPOT, 0), SIZE, WHOLE);
        let face = BoundingBox { x: 395.0, y: 195.0, width: 70.0, height: 50.0 };
        assert_eq!(watch.changed(&cells(SPOT, 90), SIZE, &[face]), None);
        let half = BoundingBox { width: 25.0, ..face };
        let rest = Region { x: 420, y: 200, width: 40, height: 40 };
        assert_eq!(watch.changed(&cells(SPOT, 90), SIZE, &[half]), Some(rest));
    }
}

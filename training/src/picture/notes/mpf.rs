// SPDX-License-Identifier: MIT OR Apache-2.0
//! The index of the pictures of one JPEG file (CIPA DC-007, Multi-Picture Format): how long the first is, and where the others,
//! such as a depth map or the gain map of a picture of high dynamic range, lie behind it.

/// The tag of the list of pictures (5.2.3.3).
const LIST: u16 = 0xb002;
/// Bytes for each picture: attributes, size, offset (four bytes each), two numbers of pictures that belong to it.
const ENTRY: usize = 16;
const SIZE: usize = 4;
const OFFSET: usize = 8;

/// An index as it was in a file.
#[derive(Debug, Clone)]
pub(super) struct PictureIndex {
    bytes: Vec<u8>,
    big_endian: bool,
    /// Where the entries begin.
    entries: Vec<usize>,
    /// Where in the file the index was; offsets count from here.
    at: usize,
    /// Where the first picture ended.
    end: usize,
}

impl PictureIndex {
    /// The index `bytes` that begins at the place `at` of a file, whose first picture ends at `end`; `None` when it is none.
    pub(super) fn of(bytes: &[u8], at: usize, end: usize) -> Option<Self> {
        let big_endian = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        let mut index = Self { bytes: bytes.to_vec(), big_endian, entries: Vec::new(), at, end };
        let directory = index.long(4)?;
        let count = usize::from(index.short(directory)?);
        // Tag and type, two bytes each, then how many values, and where.
        let field =
            (0..count).map(|field| directory + 2 + 12 * field).find(|&at| index.short(at) == Some(LIST))?;
        let (length, first) = (index.long(field + 4)?, index.long(field + 8)?);
        index.bytes.get(first..first + length)?;
        index.entries = (first..first + length / ENTRY * ENTRY).step_by(ENTRY).collect();
        Some(index)
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The same index at the place `at` of a file whose first picture ends at `end` and is followed by what followed it before;
    /// `None` when a picture did not lie behind the first.
    pub(super) fn moved(&self, at: usize, end: usize) -> Option<Vec<u8>> {
        let mut moved = self.bytes.clone();
        let mut write = |place: usize, value: usize| {
            let value = u32::try_from(value).ok()?;
            let bytes = if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
            moved[place..place + 4].copy_from_slice(&bytes);
            Some(())
        };
        for &entry in &self.entries {
            match self.long(entry + OFFSET)? {
                // The first picture.
                0 => write(entry + SIZE, end)?,
                offset => {
                    let behind = (self.at + offset).checked_sub(self.end)?;
                    write(entry + OFFSET, (end + behind).checked_sub(at)?)?;
                }
            }
        }
        Some(moved)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at + 4)?.try_into().ok()?;
        let value = if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(value).ok()
    }
}

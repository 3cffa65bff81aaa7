// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures: files read with clear errors, folders listed, results written whole or not at all, sizes changed.

pub mod contact_sheet;
mod content;
mod error;
mod file;
mod grid;
mod jpeg;
mod listing;
mod notes;
mod output;
pub(crate) mod plot_font;
mod read;
mod resize;

pub use content::Content;
pub use error::PictureError;
pub use file::PictureFile;
pub use grid::{grid, square_grid};
pub use listing::{EXTENSIONS, Listing, find, list, list_tree, name, slashed, stem, with_png};
pub use output::{
    Format, JPEG_QUALITY, encode, prepare_output_folder, prepare_outputs, write, write_atomically,
};
pub use read::{read, read_bytes};
pub use resize::{
    resize_antialiased, resize_bilinear, resize_bilinear_f32, resize_cubic_f32, resize_to_square, to_f32,
    to_rgb8,
};

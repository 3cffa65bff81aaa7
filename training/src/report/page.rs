// SPDX-License-Identifier: MIT OR Apache-2.0
//! A page in Markdown that grows from the top down, and the pictures beside it.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::ReportError;
use crate::evaluate::Table;
use crate::picture;

/// A page and the folder that it goes to.
pub(super) struct Page {
    folder: PathBuf,
    name: &'static str,
    text: String,
}

impl Page {
    /// A page with a title, the file `name.md` of `folder`.
    pub(super) fn new(folder: &Path, name: &'static str, title: &str) -> Result<Self, ReportError> {
        picture::prepare_output_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), name, text: format!("# {title}\n") })
    }

    /// A heading of the second order.
    pub(super) fn heading(&mut self, heading: &str) {
        self.text += &format!("\n## {heading}\n");
    }

    /// A paragraph, or a list.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.text += &format!("\n{text}\n");
    }

    /// A table under its note.
    pub(super) fn table(&mut self, table: &Table) {
        self.paragraph(&table.note);
        self.text += &format!("\n{}", table.aligned());
    }

    /// Another page's Markdown without its title, one order of headings lower.
    pub(super) fn include(&mut self, markdown: &str) {
        let lines = markdown.lines().skip(1).map(|line| match line.starts_with("## ") {
            true => format!("#{line}\n"),
            false => format!("{line}\n"),
        });
        lines.for_each(|line| self.text += &line);
    }

    /// A picture, written beside the page as `NAME-ending`, which says its format.
    pub(super) fn picture(&mut self, ending: &str, what: &str, shown: &RgbImage) -> Result<(), ReportError> {
        let file = format!("{}-{ending}", self.name);
        picture::write(&self.folder.join(&file), shown)?;
        self.paragraph(&format!("![{what}]({file})"));
        Ok(())
    }

    /// The commands of the experiment, which ends the page; returns its file.
    pub(super) fn finish(mut self, commands: &str) -> Result<PathBuf, ReportError> {
        self.heading("The commands");
        self.paragraph(
            "As the script ran them, in the experiment's folder. `sources` holds links to the user's faces, three quarters for training and \
             one held apart; `$NETWORK` and the like are files that the user named.",
        );
        self.paragraph(&format!("```sh\n{}\n```", commands.trim_end()));
        let path = self.folder.join(format!("{}.md", self.name));
        picture::write_atomically(&path, self.text.as_bytes())?;
        Ok(path)
    }
}

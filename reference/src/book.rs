// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source of the site, for mdBook: the chapters of `docs/SUMMARY.md`, wherever in the repository they are, and the pages of
//! the reference. Their links are written for the repository; here they are checked, and made to lead to pages of the book, or
//! to the repository's own site where they lead to code.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::links::{anchors, links};
use crate::{element, programs};

/// The folder of the chapters, whose files come to the top of the book.
const DOCS: &str = "docs";
/// The table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Pages that are not in the book, and whose links are checked with it.
const OUTSIDE: [&str; 1] = ["README.md"];
/// Where files of the repository can be seen, without `/blob/` or `/tree/`.
const SITE: &str = "https://github.com/facerestore/facerestore";
/// Files that the book takes along where a page shows or links them.
const MEDIA: [&str; 3] = ["jpg", "png", "mp4"];

/// Writes `book.toml` and `src` into `folder`, which may have those of a book before.
///
/// # Errors
/// All links that lead nowhere, and files that cannot be read or written.
pub fn write(folder: &Path) -> Result<()> {
    let book = Book::read()?;
    let src = folder.join("src");
    if src.exists() {
        fs::remove_dir_all(&src).with_context(|| format!("cannot replace {}", src.display()))?;
    }
    let mut broken = Vec::new();
    for (path, text) in &book.pages {
        let (rewritten, media) = book.rewritten(path, text, &mut broken);
        if is_outside(path) {
            continue;
        }
        save(&src.join(place(path)), rewritten.as_bytes())?;
        for file in media {
            save(&src.join(place(&file)), &read(&file)?)?;
        }
    }
    ensure!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    save(&folder.join("book.toml"), &read(&Path::new(DOCS).join("book.toml"))?)
}

/// The pages by their paths in the repository.
struct Book {
    pages: BTreeMap<PathBuf, String>,
}

impl Book {
    /// The table of contents, the pages that it names, and those outside.
    fn read() -> Result<Self> {
        let mut pages = reference()?;
        let summary = text(Path::new(SUMMARY))?;
        let named = links(&summary)?.into_iter().map(|link| normalised(&Path::new(DOCS).join(link.target)));
        let named =
            named.collect::<Option<Vec<_>>>().context("SUMMARY.md names a page outside of the repository")?;
        for generated in pages.keys() {
            ensure!(named.contains(generated), "{SUMMARY} does not name {}", generated.display());
        }
        for path in named.into_iter().chain(OUTSIDE.map(PathBuf::from)) {
            if let Entry::Vacant(place) = pages.entry(path) {
                let page = text(place.key())?;
                place.insert(page);
            }
        }
        pages.insert(SUMMARY.into(), summary);
        Ok(Self { pages })
    }

    /// The page with its links as the book has them, and the files that it shows. Links that lead nowhere are added to `broken`.
    fn rewritten(&self, path: &Path, text: &str, broken: &mut Vec<String>) -> (String, Vec<PathBuf>) {
        let mut complain = |what: String| broken.push(format!("{}: {what}", path.display()));
        let links = match links(text) {
            Ok(links) => links,
            Err(error) => {
                complain(error.to_string());
                return (text.to_owned(), Vec::new());
            }
        };
        let (mut page, mut media) = (text.to_owned(), Vec::new());
        // From the end on, so that the places of the others stay right.
        for link in links.iter().rev() {
            match self.target(path, &link.target, &link.names) {
                Ok(Target::Elsewhere) => {}
                Ok(Target::Replaced(target)) => page.replace_range(link.range.clone(), &target),
                Ok(Target::Media(file, target)) => {
                    page.replace_range(link.range.clone(), &target);
                    media.push(file);
                }
                Err(error) => complain(format!("{}: {error:#}", link.target)),
            }
        }
        (page, media)
    }

    /// What becomes of a link of the page `from`.
    fn target(&self, from: &Path, target: &str, names: &[String]) -> Result<Target> {
        if target.contains("://") || target.starts_with("mailto:") {
            return Ok(Target::Elsewhere);
        }
        let (file, fragment) =
            target.split_once('#').map_or((target, None), |(file, part)| (file, Some(part)));
        let folder = from.parent().unwrap_or(Path::new(""));
        let path = if file.is_empty() { Some(from.to_owned()) } else { normalised(&folder.join(file)) };
        let path = path.context("it leaves the repository")?;
        if let Some(fragment) = fragment
            && let Some(page) = self.page(&path)?
        {
            ensure!(anchors(&page).contains(fragment), "{} has no such heading", path.display());
        }
        let suffix = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
        if self.pages.contains_key(&path) && !is_outside(&path) {
            return Ok(Target::Replaced(format!("{}{suffix}", relative(from, &path))));
        }
        let absolute = root().join(&path);
        ensure!(absolute.exists(), "there is no {}", path.display());
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if MEDIA.contains(&extension) {
            let target = relative(from, &path);
            return Ok(Target::Media(path, target));
        }
        let suffix = if extension == "rs" { line(&path, names)? } else { suffix };
        let kind = if absolute.is_dir() { "tree" } else { "blob" };
        Ok(Target::Replaced(format!("{SITE}/{kind}/main/{}{suffix}", path.display())))
    }

    /// The text of a page, of the book or not; none where the path is no page.
    fn page(&self, path: &Path) -> Result<Option<String>> {
        match self.pages.get(path) {
            Some(page) => Ok(Some(page.clone())),
            None if path.extension().is_some_and(|extension| extension == "md") => text(path).map(Some),
            None => Ok(None),
        }
    }
}

/// Whether a page is not in the book.
fn is_outside(path: &Path) -> bool {
    OUTSIDE.iter().any(|outside| Path::new(outside) == path)
}

/// What becomes of a link.
enum Target {
    /// It leads to another site, and stays.
    Elsewhere,
    /// It gets this target.
    Replaced(String),
    /// It gets this target, and the book takes the file along.
    Media(PathBuf, String),
}

/// The pages that the code writes, by where they would be in the repository.
fn reference() -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    let mut add = |name: &str, page: String| {
        pages.insert(Path::new(DOCS).join("reference").join(name).with_extension("md"), page);
    };
    add("element", element::page()?);
    for program in programs::all() {
        add(program.get_name(), programs::page(&program));
    }
    Ok(pages)
}

/// The line at which the first of `names` is defined in a file of Rust, as the repository's site wants it; all of them must be.
fn line(path: &Path, names: &[String]) -> Result<String> {
    let source = text(path)?;
    let mut lines = Vec::new();
    for name in names.iter().filter(|name| !name.contains(['/', '.'])) {
        let last = name.rsplit("::").next().unwrap_or(name);
        let line = definition(&source, last).with_context(|| format!("{last} is not defined there"))?;
        lines.push(line + 1);
    }
    Ok(lines.first().map_or(String::new(), |line| format!("#L{line}")))
}

/// The line, from 0, of an item's definition.
fn definition(source: &str, name: &str) -> Option<usize> {
    const KEYWORDS: [&str; 8] = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
    source.lines().position(|line| {
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
        let words: Vec<&str> = line.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()).collect();
        let is_code = !line.trim_start().starts_with("//");
        is_code && words.windows(2).any(|pair| KEYWORDS.contains(&pair[0]) && pair[1] == name)
    })
}

/// Where a file of the repository is in the book: chapters at the top, a folder's README as its first page.
fn place(path: &Path) -> PathBuf {
    let path = path.strip_prefix(DOCS).unwrap_or(path);
    if path.ends_with("README.md") { path.with_file_name("index.md") } else { path.to_owned() }
}

/// The link from one file of the book to another, by their paths in the repository.
fn relative(from: &Path, to: &Path) -> String {
    let depth = place(from).components().count().saturating_sub(1);
    format!("{}{}", "../".repeat(depth), place(to).display())
}

/// The path without `.` and `..`; none where it leaves the repository.
fn normalised(path: &Path) -> Option<PathBuf> {
    let mut normalised = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normalised.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !normalised.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normalised)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(root().join(path)).with_context(|| format!("cannot read {}", path.display()))
}

fn text(path: &Path) -> Result<String> {
    match String::from_utf8(read(path)?) {
        Ok(text) => Ok(text),
        Err(_) => bail!("{} is not valid UTF-8", path.display()),
    }
}

fn save(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let pages = [
            ("docs/live.md", "# Live\n\n## A call\n"),
            ("docs/faq.md", ""),
            ("training/README.md", "# Training\n"),
            ("README.md", "# facerestore\n\n## The house\n"),
        ];
        Book { pages: pages.map(|(path, page)| (path.into(), page.to_owned())).into() }
    }

    /// The page `from` with its link to `target`, or what is wrong.
    fn followed(from: &str, link: &str) -> Result<String, String> {
        let mut broken = Vec::new();
        let (page, _) = book().rewritten(Path::new(from), link, &mut broken);
        if broken.is_empty() { Ok(page) } else { Err(broken.join("\n")) }
    }

    #[test]
    fn links_lead_to_pages_of_the_book_and_else_to_the_repository() {
        for (from, link, expected) in [
            ("docs/faq.md", "[a](live.md#a-call)", "[a](live.md#a-call)"),
            ("docs/faq.md", "[a](../training/README.md)", "[a](training/index.md)"),
            ("training/README.md", "[a](../docs/live.md)", "[a](../live.md)"),
            ("training/README.md", "![a](../docs/limits.jpg)", "![a](../limits.jpg)"),
            ("docs/faq.md", "[a](https://example.org/x)", "[a](https://example.org/x)"),
            ("docs/live.md", "[a](#a-call)", "[a](live.md#a-call)"),
        ] {
            assert_eq!(followed(from, link).as_deref(), Ok(expected), "{from} {link}");
        }
        for (link, expected) in [
            ("[a](../training/configs)", "/tree/main/training/configs)"),
            ("[a](../README.md#the-house)", "/blob/main/README.md#the-house)"),
            ("[a](../training/src/lib.rs)", "/blob/main/training/src/lib.rs)"),
        ] {
            assert_eq!(followed("docs/faq.md", link), Ok(format!("[a]({SITE}{expected}")), "{link}");
        }
    }

    #[test]
    fn a_name_beside_code_leads_to_its_line_and_must_be_there() {
        let page =
            followed("docs/faq.md", "[`NoiseSchedule::draw`](../restore-core/src/schedule.rs)").unwrap();
        let line: usize = page.rsplit_once("#L").unwrap().1.trim_end_matches(')').parse().unwrap();
        let source = text(Path::new("restore-core/src/schedule.rs")).unwrap();
        assert!(source.lines().nth(line - 1).unwrap().contains("pub fn draw("), "{page}");
        let error =
            followed("docs/faq.md", "[`no_such_function`](../restore-core/src/schedule.rs)").unwrap_err();
        assert!(error.contains("no_such_function is not defined there"), "{error}");
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_page() {
        for link in [
            "[a](no-such.md)",
            "[a](live.md#no-such)",
            "[a](../../outside.md)",
            "![a](no-such.jpg)",
            "[a](../README.md#no)",
        ] {
            let error = followed("docs/faq.md", link).unwrap_err();
            assert!(error.starts_with("docs/faq.md: "), "{error}");
        }
    }
}

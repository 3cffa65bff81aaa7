// SPDX-License-Identifier: MIT OR Apache-2.0
//! The links of the built site, as a browser would follow them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use walkdir::WalkDir;

/// What a page of HTML refers to, and what can be referred to in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    targets: Vec<String>,
    anchors: HashSet<String>,
}

impl Page {
    fn of(html: &str) -> Self {
        let mut page = Self::default();
        let mut emitter = DefaultEmitter::default();
        // Scripts and styles are no tags.
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            if let Token::StartTag(tag) = token {
                page.targets.extend(["href", "src"].into_iter().filter_map(|name| attribute(&tag, name)));
                page.anchors.extend(["id", "name"].into_iter().filter_map(|name| attribute(&tag, name)));
            }
        }
        page
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Follows every link of every page of the site in `folder` to its file and, where it names one, its place there. Links to other
/// sites are not followed.
///
/// # Errors
/// All links that lead nowhere, and a folder without pages.
pub fn check(folder: &Path) -> Result<()> {
    let pages = pages(folder)?;
    ensure!(!pages.is_empty(), "there are no pages in {}", folder.display());
    let mut broken = Vec::new();
    let mut followed = 0;
    for (path, page) in &pages {
        for target in page.targets.iter().filter(|target| is_internal(target)) {
            followed += 1;
            if let Err(error) = follow(&pages, path, target) {
                let name = path.strip_prefix(folder).unwrap_or(path);
                broken.push(format!("{}: {target}: {error}", name.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    println!("{followed} links of {} pages lead somewhere", pages.len());
    Ok(())
}

fn pages(folder: &Path) -> Result<BTreeMap<PathBuf, Page>> {
    let mut pages = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "html") {
            let html =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            pages.insert(path, Page::of(&html));
        }
    }
    Ok(pages)
}

fn is_internal(target: &str) -> bool {
    !["http:", "https:", "mailto:", "data:", "javascript:"].iter().any(|scheme| target.starts_with(scheme))
}

fn follow(pages: &BTreeMap<PathBuf, Page>, from: &Path, target: &str) -> Result<()> {
    let (file, fragment) = target.split_once('#').map_or((target, None), |(file, part)| (file, Some(part)));
    let folder = from.parent().context("a page has a folder")?;
    let mut path = if file.is_empty() { from.to_owned() } else { folder.join(file) };
    // A folder is its first page.
    if path.is_dir() {
        path.push("index.html");
    }
    let path = path.canonicalize().context("there is no such file")?;
    let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) else { return Ok(()) };
    let page = pages.get(&path).context("a place in what is no page")?;
    ensure!(page.anchors.contains(fragment), "there is no such place on the page");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(index: &str) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        fs::create_dir(root.join("more"))?;
        fs::write(root.join("index.html"), index)?;
        fs::write(root.join("more/index.html"), "<h1 id=\"top\">x</h1><a href=\"../index.html#a\">back</a>")?;
        fs::write(root.join("x.jpg"), "")?;
        check(&root)
    }

    #[test]
    fn links_to_files_folders_and_places_are_followed() {
        let good =
            "<p id='a'><a href='more/#top'>x</a><img src=x.jpg><a href='#a'><a href='https://no.where/#x'>";
        checked(good).unwrap();
        for bad in [
            "<a href='no.html'>",
            "<a href='#b'>",
            "<a href='more/index.html#b'>",
            "<img src='y.jpg'>",
            "<a href='x.jpg#a'>",
        ] {
            let error = checked(&format!("{good}{bad}")).unwrap_err().to_string();
            assert!(error.contains("index.html: "), "{bad}: {error}");
        }
    }

    #[test]
    fn a_folder_without_pages_is_no_site() {
        assert!(check(tempfile::tempdir().unwrap().path()).is_err());
    }
}

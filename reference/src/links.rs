// SPDX-License-Identifier: MIT OR Apache-2.0
//! The links and the headings of a page of Markdown.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// A link, or a picture, of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Where its target stands in the page.
    pub range: Range<usize>,
    /// Its target as it is written.
    pub target: String,
    /// The names in its text that are code, in their order.
    pub names: Vec<String>,
}

/// The links and pictures of a page, in the order of their targets.
///
/// # Errors
/// When one is of another form than `[text](target)`: its target could not be replaced.
pub fn links(page: &str) -> Result<Vec<Link>> {
    let mut links: Vec<Link> = Vec::new();
    let mut is_in_link = false;
    for (event, range) in parser(page).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. }) => {}
            Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. }) => {
                if link_type != LinkType::Inline {
                    bail!("{}: write the target into the link, as [text](target)", &page[range]);
                }
                let target = dest_url.into_string();
                let place = page[range.clone()].rfind(&target).with_context(|| {
                    format!(
                        "{}: the target must stand there as it is meant, without escapes",
                        &page[range.clone()]
                    )
                })?;
                let start = range.start + place;
                links.push(Link { range: start..start + target.len(), target, names: Vec::new() });
                is_in_link = true;
            }
            Event::End(TagEnd::Link | TagEnd::Image) => is_in_link = false,
            Event::Code(name) if is_in_link => {
                if let Some(link) = links.last_mut() {
                    link.names.push(name.into_string());
                }
            }
            _ => {}
        }
    }
    // A picture in the text of a link comes after it.
    links.sort_by_key(|link| link.range.start);
    Ok(links)
}

/// What a link to a heading of the page can name, as mdBook and GitHub make it.
pub fn anchors(page: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    let mut heading: Option<String> = None;
    for event in parser(page) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(text) = heading.take() {
                    insert(&mut anchors, &anchor(&text));
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    anchors
}

/// Headings of one text are told apart by a number.
fn insert(anchors: &mut HashSet<String>, anchor: &str) {
    let mut candidate = anchor.to_owned();
    let mut number = 0;
    while !anchors.insert(candidate) {
        number += 1;
        candidate = format!("{anchor}-{number}");
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_whitespace() => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

fn parser(page: &str) -> Parser<'_> {
    Parser::new_ext(page, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_where_its_target_is_and_which_names_it_has() {
        let page = "Of [`a::B` and `c`](x/y.rs), ![z](z.jpg) and <https://elsewhere.org>, `[no](link)`\n";
        let links = links(page).unwrap();
        let found: Vec<_> = links.iter().map(|link| (link.target.as_str(), link.names.join(" "))).collect();
        assert_eq!(found, [("x/y.rs", "a::B c".to_owned()), ("z.jpg", String::new())]);
        assert!(links.iter().all(|link| page[link.range.clone()] == link.target));
    }

    #[test]
    fn a_target_that_stands_elsewhere_is_refused() {
        assert!(links("[text][there]\n\n[there]: x.md\n").unwrap_err().to_string().contains("[text][there]"));
    }

    /// The examples of mdBook's and GitHub's documentation.
    #[test]
    fn headings_have_the_anchors_that_mdbook_and_github_give_them() {
        let page =
            "# A *b* `c_d`!\n\n## 5. Measuring\n\n## `live-conference`: a call\n\n## Limits\n\n### Limits\n";
        let anchors = anchors(page);
        for anchor in ["a-b-c_d", "5-measuring", "live-conference-a-call", "limits", "limits-1"] {
            assert!(anchors.contains(anchor), "{anchor} is not in {anchors:?}");
        }
        assert_eq!(anchors.len(), 5);
    }
}

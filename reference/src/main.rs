// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes what is said of the programs and the element outside of them from their own definitions, so that it cannot go stale.

mod book;
mod element;
mod links;
mod programs;
mod section;
mod site;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

/// Write the reference of the element and of the programs.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The man pages of the programs and their subcommands, into DIR
    Man {
        /// The folder
        dir: PathBuf,
    },
    /// The completions of bash, zsh and fish, into the folders below DIR where these look for them (DIR is PREFIX/share)
    Completions {
        /// The folder
        dir: PathBuf,
    },
    /// The source of the site for mdBook, into DIR: the chapters in docs/SUMMARY.md, and the reference; links are checked
    Book {
        /// The folder
        dir: PathBuf,
    },
    /// Check the links of the site that was built into DIR
    Links {
        /// The folder
        dir: PathBuf,
    },
}

fn main() -> Result<()> {
    match Cli::parse().what {
        What::Man { dir } => man(&dir),
        What::Completions { dir } => completions(&dir),
        What::Book { dir } => book::write(&dir),
        What::Links { dir } => links_of(&dir),
    }
}

fn man(folder: &Path) -> Result<()> {
    make(folder)?;
    for program in programs::all() {
        clap_mangen::generate_to(program, folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
    }
    Ok(())
}

fn completions(share: &Path) -> Result<()> {
    for (shell, place) in [
        (Shell::Bash, "bash-completion/completions"),
        (Shell::Zsh, "zsh/vendor-completions"),
        (Shell::Fish, "fish/vendor_completions.d"),
    ] {
        let folder = share.join(place);
        make(&folder)?;
        for mut program in programs::all() {
            let name = program.get_name().to_owned();
            let written = clap_complete::generate_to(shell, &mut program, &name, &folder)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
            // bash-completion loads a file by the program's own name.
            if shell == Shell::Bash {
                fs::rename(&written, folder.join(name))?;
            }
        }
    }
    Ok(())
}

fn links_of(site: &Path) -> Result<()> {
    let site = site
        .canonicalize()
        .with_context(|| format!("there is no {}: scripts/docs builds it", site.display()))?;
    site::check(&site)
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are there whole or not at all.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;

/// Ending of the hidden temporary files of [`write_atomically`].
pub const TEMPORARY_SUFFIX: &str = ".part";

/// Random letters and digits in their names.
const RANDOM_LENGTH: usize = 6;

/// Bytes of a file's name that its temporary file's name can hold beside its own: file systems allow 255.
const LONGEST_NAME: usize = 255 - 1 - RANDOM_LENGTH - TEMPORARY_SUFFIX.len();

/// Bytes that are left of a longer name; a hash of all of it follows.
const KEPT: usize = 200;

/// Writes `bytes` to a hidden temporary file beside `path`, syncs it to the disk and renames it to `path`: whoever looks
/// sees the old file or the whole new one. A failure removes the temporary file.
///
/// # Errors
/// The system's, for example with a full disk; a file of that name stays as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// [`write_atomically`] for what does not fit into memory: `write` is given the temporary file.
///
/// # Errors
/// As [`write_atomically`], and those of `write`.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut prefix = OsStr::new(".").to_owned();
    prefix.push(temporary_stem(name));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX).rand_bytes(RANDOM_LENGTH);
    // tempfile's files are private; an output file has the permissions that the umask leaves.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// What stands for the file called `name` in the names of its temporary files: the name itself, or, where that is too long for
/// it, its beginning and a hash.
#[must_use]
pub fn temporary_stem(name: &OsStr) -> Cow<'_, OsStr> {
    if name.len() <= LONGEST_NAME {
        return Cow::Borrowed(name);
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let mut kept: String = name.to_string_lossy().into_owned();
    kept.truncate(kept.floor_char_boundary(KEPT));
    Cow::Owned(format!("{kept}~{:016x}", hasher.finish()).into())
}

/// The [stem](temporary_stem) in the name of a temporary file of [`write_atomically`], in the
/// [encoding](OsStr::as_encoded_bytes) of names, which need not be UTF-8; `None` when `name` is not one's.
#[must_use]
pub fn stem_of_temporary(name: &OsStr) -> Option<&[u8]> {
    let name = name.as_encoded_bytes();
    let stem = name.strip_prefix(b".")?.strip_suffix(TEMPORARY_SUFFIX.as_bytes())?;
    let (stem, random) = stem.split_at_checked(stem.len().checked_sub(RANDOM_LENGTH)?)?;
    (!stem.is_empty() && random.iter().all(u8::is_ascii_alphanumeric)).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_tells_what_it_was_to_become() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces of 3.part.png");
        write_atomically_with(&path, |file| {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), 1);
            assert_eq!(stem_of_temporary(&names[0]), path.file_name().map(OsStr::as_encoded_bytes));
            file.write_all(b"whole")
        })
        .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        for other in
            ["a.pngAbCdEf.part", ".a.pngAbCdEf", ".a.part", ".AbCdEf.part", ".a.pngAb-dEf.part", ".é.part"]
        {
            assert_eq!(stem_of_temporary(OsStr::new(other)), None, "{other}");
        }
    }

    /// 255 bytes are what a name can have; its temporary file's has no more, and is told from that of another such name.
    #[test]
    fn the_longest_names_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a.png", "b.png"].map(|ending| "é".repeat(125) + ending);
        for name in &names {
            assert_eq!(name.len(), 255);
            let path = folder.path().join(name);
            write_atomically_with(&path, |file| {
                let entries = std::fs::read_dir(folder.path()).unwrap();
                let temporary = entries.map(|entry| entry.unwrap().file_name());
                let temporary = temporary.filter_map(|name| stem_of_temporary(&name).map(<[u8]>::to_vec));
                let stem = temporary_stem(OsStr::new(name)).into_owned().into_encoded_bytes();
                assert_eq!(temporary.collect::<Vec<_>>(), [stem]);
                file.write_all(name.as_bytes())
            })
            .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), name.as_bytes());
        }
        assert_ne!(temporary_stem(OsStr::new(&names[0])), temporary_stem(OsStr::new(&names[1])));
    }

    /// Names of an older system, here in Latin-1, short and too long for a temporary file's.
    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf8_is_known_again() {
        use std::os::unix::ffi::OsStrExt;

        let folder = tempfile::tempdir().unwrap();
        for length in [1, 251] {
            let bytes = [vec![0xe9; length], b".png".to_vec()].concat();
            let name = OsStr::from_bytes(&bytes);
            write_atomically_with(&folder.path().join(name), |_| {
                let entries = std::fs::read_dir(folder.path()).unwrap();
                let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
                let stems: Vec<_> = names.iter().filter_map(|name| stem_of_temporary(name)).collect();
                assert_eq!(stems, [temporary_stem(name).as_encoded_bytes()]);
                Ok(())
            })
            .unwrap();
        }
    }
}

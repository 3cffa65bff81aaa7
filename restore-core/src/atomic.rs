//! Files that are there whole or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Ending of the hidden temporary files of [`write_atomically`].
pub const TEMPORARY_SUFFIX: &str = ".part";

/// Random letters and digits in their names.
const RANDOM_LENGTH: usize = 6;

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
    prefix.push(name);
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

/// The name of the file that a temporary file of [`write_atomically`] was to become; `None` when `name` is not one's.
#[must_use]
pub fn temporary_target(name: &OsStr) -> Option<&OsStr> {
    let target = name.to_str()?.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)?;
    let (target, random) = target.split_at_checked(target.len().checked_sub(RANDOM_LENGTH)?)?;
    (!target.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then_some(OsStr::new(target))
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
            assert_eq!(temporary_target(&names[0]), path.file_name());
            file.write_all(b"whole")
        })
        .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        for other in
            ["a.pngAbCdEf.part", ".a.pngAbCdEf", ".a.part", ".AbCdEf.part", ".a.pngAb-dEf.part", ".é.part"]
        {
            assert_eq!(temporary_target(OsStr::new(other)), None, "{other}");
        }
    }
}

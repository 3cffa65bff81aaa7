//! Files that are there whole or not at all.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

/// Ending of the hidden temporary files of [`write_atomically`], by which a later run finds those of a killed one.
pub const TEMPORARY_SUFFIX: &str = ".part";

/// Writes `bytes` to a hidden temporary file beside `path`, syncs it to the disk and renames it to `path`: whoever looks
/// sees the old file or the whole new one. A failure removes the temporary file.
///
/// # Errors
/// The system's, for example with a full disk; a file of that name stays as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut prefix = OsStr::new(".").to_owned();
    prefix.push(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
    // tempfile's files are private; an output file has the permissions that the umask leaves.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

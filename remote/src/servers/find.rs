//! Where programs are: in the PATH, and in the places of Debian.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The program of this name in the PATH, or in one of `places`.
pub(super) fn program(name: &str, places: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = places.iter().map(PathBuf::from);
    env::split_paths(&path)
        .chain(places)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The folder with the programs of `PostgreSQL`: that of `postgres` in the PATH, or Debian's with the highest version.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let in_path = program("postgres", &[]).and_then(|file| file.canonicalize().ok());
    let in_path = in_path.and_then(|file| file.parent().map(Path::to_owned));
    in_path.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let version = |folder: &PathBuf| -> Option<u32> {
            let name = folder.file_name()?.to_str()?;
            name.parse().ok()
        };
        let folders = versions.filter_map(|entry| Some(entry.ok()?.path()));
        let newest = folders
            .filter(|folder| folder.join("bin/postgres").is_file())
            .max_by_key(version)?;
        Some(newest.join("bin"))
    })
}

//! Histories and pictures of what is broken, as files.

use crate::explain::Explanation;
use crate::history::History;
use crate::picture;
use crate::report::Promise;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The most bytes of evidence that may stay from earlier checks.
const MOST_BYTES: u64 = 64 << 20;

/// A name that no other check has: several may run at once.
pub(super) fn file_name(counter: &str, promise: Promise) -> String {
    static CHECKS: Mutex<u64> = Mutex::new(0);
    let mut checks = CHECKS.lock().unwrap_or_else(PoisonError::into_inner);
    *checks += 1;
    let number = *checks;
    let base = counter.split('<').next().unwrap_or(counter);
    let base = base.rsplit("::").next().unwrap_or(base);
    // A name may have signs that a path has not.
    let base: String = base
        .chars()
        .map(|sign| if sign.is_alphanumeric() { sign } else { '_' })
        .collect();
    format!("{base}-{}-{}-{number}", promise.slug(), process::id())
}

/// Writes a history and its picture, and says where.
pub(super) fn keep(
    directory: &Path,
    name: &str,
    history: &History,
    why: Option<&Explanation>,
) -> std::io::Result<(PathBuf, PathBuf)> {
    fs::create_dir_all(directory)?;
    remove_old(directory)?;
    let lines = directory.join(format!("{name}.jsonl"));
    history.write(BufWriter::new(File::create(&lines)?))?;
    let drawing = directory.join(format!("{name}.svg"));
    fs::write(&drawing, picture::svg(history, why))?;
    Ok((lines, drawing))
}

/// Removes the oldest evidence beyond what may stay. Other checks may remove files meanwhile.
fn remove_old(directory: &Path) -> std::io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        let is_evidence = path
            .extension()
            .is_some_and(|end| end == "jsonl" || end == "svg");
        if let (true, Ok(data)) = (is_evidence, entry.metadata()) {
            let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push((written, data.len(), path));
        }
    }
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, size, path) in files {
        if bytes <= MOST_BYTES {
            break;
        }
        _ = fs::remove_file(path);
        bytes -= size;
    }
    Ok(())
}

//! A ledger that is opened on a full disk is refused in one line, nothing is changed, and it opens once there is room.
//!
//! The disk is one in memory, in a mount namespace of the test's own. Where such a namespace may not be made, as in some
//! containers, the tests are shown as ignored, unless `SEGSTOCK_DEMAND_SERVERS` demands them.

use libtest_mimic::{Arguments, Failed, Trial};
use segstock_orders::OrderBook;
use segstock_orders::ledger::{LedgerReason, RecoverError, Recovered};
use segstock_orders::sqlite::SqliteLedger;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

type Case = fn(&Path);
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What this program does on the small disk, if it is asked by name.
const CASES: [(&str, Case); 3] = [
    ("new", new),
    ("closed", |disk| there(disk, false)),
    ("killed", |disk| there(disk, true)),
];
/// The directory of the small disk.
const DISK: &str = "SEGSTOCK_TEST_DISK";

fn main() -> ExitCode {
    if let Some(disk) = env::var_os(DISK) {
        let asked = env::args().nth(1);
        let case = CASES
            .iter()
            .find(|(name, _)| Some(*name) == asked.as_deref());
        case.expect("one of the cases").1(Path::new(&disk));
        return ExitCode::SUCCESS;
    }
    let is_there = on_a_small_disk("true").is_ok();
    let demanded = env::var_os("SEGSTOCK_DEMAND_SERVERS").is_some();
    let test = |(name, _): (&'static str, _)| {
        let run = move || on_a_small_disk(&format!("exec \"$0\" {name}"));
        let name = format!("a_{name}_ledger_on_a_full_disk_is_refused_and_nothing_is_changed");
        Trial::test(name, run).with_ignored_flag(!is_there && !demanded)
    };
    let tests = CASES.into_iter().map(test).collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// Runs a line of a shell where a disk of a MiB is mounted.
fn on_a_small_disk(line: &str) -> Result<(), Failed> {
    let disk = tempfile::tempdir()?;
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec"])
        .arg(format!(
            "mount -t tmpfs -o size=1m tmpfs \"${DISK}\"; {line}"
        ))
        .arg(env::current_exe()?)
        .env(DISK, disk.path())
        .stdin(Stdio::null())
        .output()?;
    if ran.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&ran.stderr).into_owned().into())
}

fn recover(file: &Path) -> Result<Recovered<String>, RecoverError> {
    OrderBook::builder().recover(SqliteLedger::at(file))
}

/// Writes until there is no room.
fn fill(disk: &Path) {
    let mut ballast = File::create(disk.join("ballast")).expect("a file");
    while ballast.write(&[0; 512]).is_ok_and(|written| written > 0) {}
}

/// What a disk has.
fn files(disk: &Path) -> Files {
    let entries = fs::read_dir(disk).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it is there").path());
    paths
        .map(|path| (path.clone(), fs::read(path).expect("it can be read")))
        .collect()
}

/// All bytes are there. A new file is empty, as one that nobody began is; a log may end with the head of a page that is not there.
fn is_as_before(before: &Files, now: &Files) {
    for (path, bytes) in now {
        let had = before.get(path).map_or(&[][..], |bytes| bytes);
        let is_log = path.extension().is_some_and(|end| end == "db-wal");
        let is_same = bytes == had || (is_log && bytes.starts_with(had));
        assert!(
            is_same,
            "{}: {} and {} bytes",
            path.display(),
            had.len(),
            bytes.len()
        );
    }
    assert!(before.keys().all(|path| now.contains_key(path)));
}

/// Opening is refused while the disk is full, and changes nothing; returns the book once there is room.
fn refused_until_there_is_room(disk: &Path, file: &Path) -> Recovered<String> {
    fill(disk);
    let before = files(disk);
    for _ in 0..2 {
        let Err(RecoverError::Ledger(error)) = recover(file) else {
            panic!("the disk is full");
        };
        assert_eq!(error.reason(), LedgerReason::Full, "{error}");
        let line = error.to_string();
        assert!(
            line.contains("its disk is full") && !line.contains('\n'),
            "{line}"
        );
        is_as_before(&before, &files(disk));
    }
    fs::remove_file(disk.join("ballast")).expect("it is there");
    recover(file).expect("there is room")
}

fn new(disk: &Path) {
    let shop = refused_until_there_is_room(disk, &disk.join("shop.db"));
    shop.book.open("phone".to_owned(), 5).expect("a SKU");
}

/// One that was closed, or killed.
fn there(disk: &Path, is_killed: bool) {
    let (open, file) = (disk.join("open.db"), disk.join("shop.db"));
    let shop = recover(&open).expect("a new ledger");
    shop.book.open("phone".to_owned(), 5).expect("a SKU");
    let lines = [("phone".to_owned(), 2)];
    let hold = Duration::from_secs(900);
    let placed = shop.book.place("order", None, lines, hold);
    placed.expect("there are five");
    let log = |file: &Path| PathBuf::from(format!("{}-wal", file.display()));
    if is_killed {
        fs::copy(&open, &file).expect("a copy");
        fs::copy(log(&open), log(&file)).expect("a copy");
        drop(shop);
        fs::remove_file(&open).expect("it is there");
    } else {
        drop(shop);
        fs::rename(&open, &file).expect("it is there");
    }
    let shop = refused_until_there_is_room(disk, &file);
    assert_eq!(
        (shop.found.orders, shop.book.available("phone")),
        (1, Some(3))
    );
    shop.book.pay("order").expect("it is held");
}

//! Files and directories that can be read only: each is refused in one line, and nothing is changed.

use segstock_orders::OrderBook;
use segstock_orders::ledger::{RecoverError, Recovered};
use segstock_orders::sqlite::SqliteLedger;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "read_only::what_can_be_read_only_is_refused_and_nothing_is_changed";
/// Has this program open a file, in a process of its own.
const FILE: &str = "SEGSTOCK_TEST_FILE";
/// A user for whom modes hold, unlike for root.
const NOBODY: u32 = 65_534;

fn recover(file: &Path) -> Result<Recovered<String>, RecoverError> {
    OrderBook::builder().recover(SqliteLedger::at(file))
}

fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    set_mode(directory.path(), 0o755);
    directory
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is there");
}

/// A ledger of a shop that was closed; or of one that was killed, with a log.
fn make(directory: &Path, with_log: bool) {
    let (file, copy) = (directory.join("open.db"), directory.join("shop.db"));
    let shop = recover(&file).expect("a new ledger");
    shop.book.open("phone".to_owned(), 5).expect("a SKU");
    let lines = [("phone".to_owned(), 2)];
    let placed = shop
        .book
        .place("order", None, lines, Duration::from_secs(900));
    placed.expect("there are five");
    if with_log {
        for end in ["", "-wal"] {
            let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
            fs::copy(name(&file), name(&copy)).expect("it is there");
        }
        drop(shop);
        fs::remove_file(file).expect("it is there");
    } else {
        drop(shop);
        fs::rename(file, copy).expect("it is there");
    }
}

/// What a directory has.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it is there").path());
    let bytes = |path: PathBuf| {
        let bytes = fs::read(&path).expect("it can be read");
        (path, bytes)
    };
    paths.map(bytes).collect()
}

/// Whether modes do not hold for this process.
fn is_root() -> bool {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "").expect("a file");
    set_mode(&file, 0o444);
    File::options().write(true).open(file).is_ok()
}

/// The error of a process that opens the file.
fn refusal(program: &Path, file: &Path) -> String {
    let mut opens = Command::new(program);
    opens.args([NAME, "--exact", "--nocapture"]).env(FILE, file);
    if is_root() {
        opens.uid(NOBODY).gid(NOBODY);
    }
    let output = opens.output().expect("it can be started");
    let said = String::from_utf8(output.stdout).expect("text");
    let refusal = said
        .split_once("refused: ")
        .and_then(|(_, rest)| rest.split_once(" :refused"));
    refusal
        .unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
        .0
        .to_owned()
}

#[test]
fn what_can_be_read_only_is_refused_and_nothing_is_changed() {
    if let Some(file) = std::env::var_os(FILE) {
        match recover(Path::new(&file)) {
            Err(RecoverError::Ledger(error)) => {
                print!("refused: {:?}: {error} :refused", error.reason());
            }
            other => panic!("{other:?}"),
        }
        return;
    }
    // Another user may not reach where this program is built.
    let programs = directory();
    let program = programs.path().join("opens");
    fs::copy(std::env::current_exe().expect("a path"), &program).expect("a copy");

    for (of_file, of_log, of_directory, expected) in [
        (0o444, None, 0o777, "ReadOnly: shop.db can be read only"),
        (
            0o444,
            Some(0o444),
            0o777,
            "ReadOnly: shop.db can be read only",
        ),
        (
            0o444,
            Some(0o666),
            0o777,
            "ReadOnly: shop.db can be read only",
        ),
        (
            0o666,
            Some(0o444),
            0o777,
            "ReadOnly: shop.db-wal can be read only",
        ),
        (0o444, None, 0o555, "ReadOnly: shop.db can be read only"),
        (
            0o666,
            None,
            0o555,
            "ReadOnly: the directory of shop.db can be read only: its log cannot be made there",
        ),
        (
            0o000,
            None,
            0o777,
            "Failed: shop.db cannot be opened: Permission denied (os error 13)",
        ),
    ] {
        let shop = directory();
        make(shop.path(), of_log.is_some());
        let before = files(shop.path());
        for path in before.keys() {
            let is_log = path.extension().is_some_and(|end| end == "db-wal");
            set_mode(
                path,
                if is_log {
                    of_log.unwrap_or_default()
                } else {
                    of_file
                },
            );
        }
        set_mode(shop.path(), of_directory);
        let refusal = refusal(&program, &shop.path().join("shop.db"));
        let refusal = refusal.replace(&format!("{}/", shop.path().display()), "");
        assert_eq!(refusal, expected);
        set_mode(shop.path(), 0o755);
        before.keys().for_each(|path| set_mode(path, 0o644));
        assert!(files(shop.path()) == before, "{refusal}");
        let opened = recover(&shop.path().join("shop.db")).expect("it can be written again");
        assert_eq!(opened.found.orders, 1);
    }

    let shop = directory();
    set_mode(shop.path(), 0o555);
    for file in [shop.path().join("shop.db"), shop.path().to_owned()] {
        let refusal = refusal(&program, &file);
        let ends = [
            "shop.db cannot be opened: Permission denied (os error 13)",
            "cannot be opened: Is a directory (os error 21)",
        ];
        assert!(ends.iter().any(|end| refusal.ends_with(end)), "{refusal}");
    }
    assert_eq!(files(shop.path()).len(), 0, "none is made");
}

//! Backups: made while it serves, listed, restored, and deleted when there are enough.
#![cfg(unix)]

use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, wait_for};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

#[test]
fn a_backup_is_made_while_it_serves_and_is_a_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let start = |file: &std::path::Path| {
        let ledger = format!("sqlite:{}", file.display());
        Process::spawn(&mut command(&[PORTS, &["--ledger", &ledger]].concat()))
    };
    let service = start(&directory.path().join("shop.db"));
    service.customers.order("a", &[("phone", 2)]).expect(201);
    service.signal("-USR1");
    service.customers.order("b", &[("phone", 1)]).expect(201);
    let backup = || {
        let mut files = fs::read_dir(directory.path())
            .unwrap()
            .map(|it| it.unwrap().path());
        files.find(|file| file.display().to_string().ends_with('Z'))
    };
    wait_for(|| backup().is_some());
    let listed = service.client.get("/v1/backups").expect(200);
    assert_eq!(listed["directory"], json!(directory.path()));
    let found = &listed["backups"][0];
    let name = backup().unwrap();
    assert_eq!(found["file"], json!(name.file_name().unwrap().to_str()));
    assert_eq!(found["bytes"], fs::metadata(&name).unwrap().len());
    assert_eq!(
        (&found["whole"], listed["backups"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    assert!(found["age"].as_u64().unwrap() < 60, "{found}");
    wait_for(|| counted(&service.client) == (1, 0));
    let other = start(&name);
    let order = other.customers.get("/v1/orders/a").expect(200);
    assert_eq!(order["state"], "held");
    assert_eq!(service.terminate(), Some(0));
}

/// How many backups became whole, and how many failed.
fn counted(client: &Client) -> (u64, u64) {
    let metrics = client.get("/metrics").text;
    let of = |end| {
        let series = format!("segstock_backups_total{{end=\"{end}\"}} ");
        let count = metrics.lines().find_map(|it| it.strip_prefix(&series));
        count.unwrap().parse().unwrap()
    };
    (of("whole"), of("failed"))
}

#[test]
fn a_backup_that_cannot_be_made_is_counted() {
    let service = Process::start(&[]);
    assert_eq!(counted(&service.client), (0, 0));
    // Without a ledger there is none.
    service.signal("-USR1");
    wait_for(|| counted(&service.client) == (0, 1));
}

/// Three whole backups, two that were never ended, and a file with a name of its own.
const BEFORE: [&str; 7] = [
    "shop.db.2020-01-01T00-00-00Z",
    "shop.db.2020-01-02T00-00-00Z",
    "shop.db.2020-01-03T00-00-00Z",
    "shop.db.2020-01-04T00-00-00Z.part",
    "shop.db.2020-01-04T00-00-00Z.part-wal",
    "shop.db.2020-01-05T00-00-00Z.part",
    "shop.db.2020-01-01T00-00-00Z.kept",
];

/// Has a backup made beside those of before, and waits until the log says `last`. Returns which of those are left, what is new,
/// and the log.
fn backed_up(arguments: &[&str], last: &str) -> (Vec<&'static str>, Vec<String>, String) {
    let directory = tempfile::tempdir().unwrap();
    for name in BEFORE {
        fs::write(directory.path().join(name), "").unwrap();
    }
    // It cannot be deleted, and so neither is the part that it is of.
    let beside = directory.path().join(BEFORE[5]).with_extension("part-wal");
    fs::create_dir(beside).unwrap();
    let mut command = command(&[PORTS, &["--ledger", "sqlite:shop.db"], arguments].concat());
    let command = command.current_dir(&directory).stderr(Stdio::piped());
    let mut service = Process::spawn(command);
    let stderr = BufReader::new(service.stderr());
    service.signal("-USR1");
    let said = Mutex::new(String::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            for line in stderr.lines() {
                *said.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        wait_for(|| said.lock().unwrap().contains(last));
        assert_eq!(service.terminate(), Some(0));
    });
    let names = fs::read_dir(directory.path()).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    let whole = names.filter(|it| it.starts_with("shop.db.") && it.ends_with('Z'));
    let new = whole.filter(|it| !BEFORE.contains(&it.as_str())).collect();
    let is_left = |name: &&str| directory.path().join(name).exists();
    let left = BEFORE.into_iter().filter(is_left).collect();
    (left, new, said.into_inner().unwrap())
}

#[test]
fn without_a_number_to_keep_it_deletes_no_backup() {
    let (left, _, said) = backed_up(&[], " is whole");
    assert_eq!(left, BEFORE);
    assert!(!said.contains("delete"), "{said}");
}

#[test]
fn once_a_backup_is_whole_the_oldest_beyond_those_to_keep_are_deleted_and_the_log_says_so() {
    let last = format!("{}: the latest", BEFORE[0]);
    let (left, new, said) = backed_up(&["--keep-backups", "2"], &last);
    assert_eq!(left, [BEFORE[2], BEFORE[5], BEFORE[6]]);
    assert_eq!(new.len(), 1, "{new:?}");
    for line in [
        format!("the backup {} is whole", new[0]),
        format!("deleted the backup {}: the latest 2 are kept", BEFORE[0]),
        format!("deleted the backup {}: the latest 2 are kept", BEFORE[1]),
        format!("deleted the backup {}: it was never ended", BEFORE[3]),
        format!("cannot delete the backup {}: ", BEFORE[5]),
    ] {
        assert_eq!(said.matches(&line).count(), 1, "{line}: {said}");
    }
}

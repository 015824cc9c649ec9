//! The command killed under load, stopped under load, and started again from its ledger: nothing that was answered is lost,
//! and nothing is sold twice.

use crate::support::crowd::{Answers, audit, killed_under_load, start, under_load, units};
#[cfg(unix)]
use crate::support::process::refusal_of;
use crate::support::process::{PORTS, Process, command, refusal};
#[cfg(unix)]
use crate::support::still::stands_still_under_load;
use serde_json::json;
use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

/// A ledger in a file of `directory`.
fn in_file(directory: &Path) -> String {
    format!("sqlite:{}", directory.join("shop.db").display())
}

#[test]
fn killed_under_load_it_loses_nothing_that_was_answered_and_sells_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    killed_under_load(&in_file(directory.path()), Process::kill);
}

#[cfg(unix)]
#[test]
fn standing_still_under_load_for_longer_than_its_time_outs_it_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = in_file(directory.path());
    stands_still_under_load(&ledger, |_| {
        let (code, line) = refusal(&[PORTS, &["--ledger", &ledger]].concat());
        assert_eq!(code, Some(2), "{line}");
        assert!(line.contains("in use by another process"), "{line}");
        None
    });
}

#[cfg(unix)]
#[test]
fn stopped_under_load_it_loses_nothing_that_was_answered() {
    let directory = tempfile::tempdir().unwrap();
    let all = Answers::default();
    let ledger = in_file(directory.path());
    let service = start(&ledger);
    service.client.open("a", units());
    under_load(service, 0, &all, 300, |service| {
        assert_eq!(service.terminate(), Some(0));
    });
    audit(&start(&ledger).client, &all);
}

#[test]
fn it_keeps_a_ledger_where_it_is_started_and_says_what_it_found() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command(PORTS);
        Process::spawn(command.current_dir(directory.path()))
    };
    let service = start();
    assert!(
        service.found.contains("a new ledger in segstock.db"),
        "{}",
        service.found
    );
    service.customers.order("a", &[("phone", 3)]).expect(201);
    let restock = json!({"units": 5});
    service
        .client
        .post("/v1/stock/phone/restock", "k", &restock)
        .expect(200);
    service.kill();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(directory.path().join("segstock.db")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    let service = start();
    let found = &service.found;
    assert!(
        found.contains("1 order and 3 SKUs") && found.contains("to start over"),
        "{found}"
    );
    assert_eq!(service.client.stock("phone"), (1_002, 1_005));
    assert!(service.customers.order("a", &[("phone", 3)]).is_replayed());
    let again = service
        .client
        .post("/v1/stock/phone/restock", "k", &restock);
    assert!(again.is_replayed());
    let order = service.client.get("/v1/orders/a").expect(200);
    let left = order["expires_in"].as_u64().unwrap();
    assert!((1..=600).contains(&left), "{order}");
}

#[test]
fn a_ledger_in_use_and_a_file_of_something_else_are_refused_and_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(&in_file(directory.path()));
    let ledger = format!("sqlite:{}", directory.path().join("shop.db").display());
    let (code, line) = refusal(&[PORTS, &["--ledger", &ledger]].concat());
    assert_eq!(code, Some(2), "{line}");
    assert!(
        line.contains("cannot open the ledger") && line.contains("in use"),
        "{line}"
    );
    service.client.get("/readyz").expect(200);

    let other = directory.path().join("other.txt");
    std::fs::write(&other, "a letter").unwrap();
    let ledger = format!("sqlite:{}", other.display());
    let (code, line) = refusal(&[PORTS, &["--ledger", &ledger]].concat());
    assert_eq!(code, Some(2), "{line}");
    assert_eq!(line.trim().lines().count(), 1, "{line}");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "a letter");
}

/// Modes do not hold for root: started by root, another user starts the service, who may not reach where it is built.
#[cfg(unix)]
#[test]
fn a_ledger_that_can_be_read_only_is_refused_and_stays_as_it_is() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let programs = tempfile::tempdir().unwrap();
    set_mode(programs.path(), 0o755);
    let program = programs.path().join("segstock-service");
    fs::copy(env!("CARGO_BIN_EXE_segstock-service"), &program).unwrap();
    for (of_file, of_directory, says) in [
        (0o444, 0o777, "shop.db can be read only"),
        (
            0o666,
            0o555,
            "can be read only: its log cannot be made there",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (file, ledger) = (directory.path().join("shop.db"), in_file(directory.path()));
        assert_eq!(start(&ledger).terminate(), Some(0));
        set_mode(&file, of_file);
        set_mode(directory.path(), of_directory);
        let before = fs::read(&file).unwrap();
        let mut command = Command::new(&program);
        command.args(PORTS).args(["--ledger", &ledger]).env_clear();
        if fs::metadata(&file).unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        let (code, line) = refusal_of(&mut command);
        set_mode(directory.path(), 0o755);
        assert_eq!(code, Some(2), "{line}");
        assert_eq!(line.trim().lines().count(), 1, "{line}");
        assert!(
            line.contains("cannot open the ledger") && line.contains(says),
            "{line}"
        );
        assert!(fs::read(&file).unwrap() == before);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

/// As the service's first version wrote it.
const SNAPSHOT: &str = r#"{
    "inventory": {
        "version": 1,
        "skus": [
            {"sku": "phone", "low_stock": 3, "books": {"initial": 10, "restocked": 0, "available": 5, "reserved": 2,
                "on_the_way": 0, "sold": 2, "written_off": 1, "moved_out": 0}},
            {"sku": "case", "low_stock": 0, "books": {"initial": 5, "restocked": 0, "available": 0, "reserved": 4,
                "on_the_way": 0, "sold": 0, "written_off": 0, "moved_out": 0, "owed": 1, "withdrawn": 2}}
        ],
        "holds": [{"key": "held", "request": [["phone", 2], ["case", 4]], "lines": [["phone", 2], ["case", 4]],
            "remaining": {"secs": 300, "nanos": 0}}]
    },
    "sold": [{"id": "sold", "lines": [["phone", 2]]}],
    "counts": {}
}"#;

#[test]
fn a_snapshot_of_the_first_version_is_read_once_into_a_new_ledger() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("shop.json"), SNAPSHOT).unwrap();
    let with_snapshot = [PORTS, &["--snapshot", "shop.json"]].concat();
    let start =
        |arguments: &[&str]| Process::spawn(command(arguments).current_dir(directory.path()));
    let service = start(&with_snapshot);
    let found = "read snapshot shop.json: 2 SKUs, 1 held and 1 sold orders";
    assert!(service.found.contains(found), "{}", service.found);
    let client = &service.client;
    assert_eq!(client.stock("phone"), (5, 7));
    let case = client.get("/v1/stock/case").expect(200);
    assert_eq!((&case["on_hand"], &case["owed"]), (&3.into(), &1.into()));
    // Retries are known.
    client.get("/v1/stock/last-one").problem(404, "unknown-sku");
    assert!(client.order("sold", &[("phone", 2)]).is_replayed());
    let held = client.order("held", &[("phone", 2), ("case", 4)]);
    assert!(held.is_replayed());
    let seconds = held.expect(200)["expires_in"].as_u64().unwrap();
    assert!((200..=300).contains(&seconds), "{seconds}");
    assert!(client.deed("pay", "sold").is_replayed());
    assert_eq!(service.terminate(), Some(0));
    let ledger = format!("sqlite:{}", directory.path().join("segstock.db").display());
    let snapshot = directory.path().join("shop.json").display().to_string();
    let again = [PORTS, &["--snapshot", &snapshot, "--ledger", &ledger]].concat();
    let (code, complaint) = refusal(&again);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("the ledger is not new"), "{complaint}");
    assert_eq!(start(PORTS).client.stock("phone"), (5, 7));
}

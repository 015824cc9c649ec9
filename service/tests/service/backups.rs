//! Backups: made while it serves, listed, and restored.
#![cfg(unix)]

use crate::command::wait_for;
use crate::support::process::{PORTS, Process, command};
use serde_json::json;
use std::fs;

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
    let other = start(&name);
    let order = other.customers.get("/v1/orders/a").expect(200);
    assert_eq!(order["state"], "held");
    assert_eq!(service.terminate(), Some(0));
}

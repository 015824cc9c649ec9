//! The units for systemd, as its own tool judges them.

use crate::trial::trial;
use libtest_mimic::Trial;
use std::fs;
use std::process::Command;

const ANALYZE: &str = "systemd-analyze";
const UNIT: &str = include_str!("../../deploy/segstock.service");
const BACKUP: &str = include_str!("../../deploy/segstock-backup.service");
const TIMER: &str = include_str!("../../deploy/segstock-backup.timer");

pub fn trials() -> Vec<Trial> {
    vec![trial("systemd_finds_no_fault_in_the_units", ANALYZE, unit)]
}

fn unit() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("segstock.service");
    let program = env!("CARGO_BIN_EXE_segstock-service");
    let unit = UNIT.replace("/usr/local/bin/segstock-service", program);
    fs::write(&file, unit).unwrap();
    let timer = directory.path().join("segstock-backup.timer");
    fs::write(&timer, TIMER).unwrap();
    fs::write(directory.path().join("segstock-backup.service"), BACKUP).unwrap();
    let said = Command::new(ANALYZE)
        .args(["verify", "--man=no"])
        .args([&file, &timer])
        .output();
    let said = said.unwrap();
    let words = [&said.stdout[..], &said.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(said.status.success() && words.is_empty(), "{words}");
}

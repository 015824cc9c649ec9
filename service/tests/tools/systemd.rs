//! The unit for systemd, as its own tool judges it.

use crate::trial::trial;
use libtest_mimic::Trial;
use std::fs;
use std::process::Command;

const ANALYZE: &str = "systemd-analyze";
const UNIT: &str = include_str!("../../deploy/segstock.service");

pub fn trials() -> Vec<Trial> {
    vec![trial("systemd_finds_no_fault_in_the_unit", ANALYZE, unit)]
}

fn unit() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("segstock.service");
    let program = env!("CARGO_BIN_EXE_segstock-service");
    let unit = UNIT.replace("/usr/local/bin/segstock-service", program);
    fs::write(&file, unit).unwrap();
    let said = Command::new(ANALYZE)
        .args(["verify", "--man=no"])
        .arg(&file)
        .output();
    let said = said.unwrap();
    let words = [&said.stdout[..], &said.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(said.status.success() && words.is_empty(), "{words}");
}

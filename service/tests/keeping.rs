//! The snapshot's file: always a whole one.

use segstock_service::keeping::SnapshotFile;
use segstock_service::shop::{Opening, Shop};
use std::fs;

#[test]
fn a_snapshot_that_fails_leaves_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = SnapshotFile::new(directory.path().join("shop.json"));
    let shop = Shop::new(Opening::default());
    file.write(&shop.keep()).unwrap();
    shop.open("phone".to_owned(), 10).unwrap();

    // Nothing can be written where a directory stands in the way.
    let in_the_way = directory.path().join("shop.json.partial");
    fs::create_dir(&in_the_way).unwrap();
    let error = file.write(&shop.keep()).unwrap_err().to_string();
    assert!(error.contains("cannot write snapshot"), "{error}");
    assert!(file.read().unwrap().unwrap().inventory.skus.is_empty());

    fs::remove_dir(&in_the_way).unwrap();
    file.write(&shop.keep()).unwrap();
    assert_eq!(file.read().unwrap().unwrap().inventory.skus.len(), 1);
    assert!(!in_the_way.exists());
}

#[test]
fn what_a_killed_writer_left_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let file = SnapshotFile::new(directory.path().join("shop.json"));
    fs::write(
        directory.path().join("shop.json.partial"),
        "{\"inventory\":",
    )
    .unwrap();
    assert!(file.read().unwrap().is_none());
    let shop = Shop::new(Opening::default());
    file.write(&shop.keep()).unwrap();
    assert!(file.read().unwrap().is_some());
}

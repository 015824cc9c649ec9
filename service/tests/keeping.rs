//! The snapshot's file: always a whole one.

use segstock_service::doors::ShopError;
use segstock_service::keeping::SnapshotFile;
use segstock_service::shop::{Opening, Shop, Standing};
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

#[test]
fn no_snapshot_has_an_order_half_sold() {
    const MINUTE: Duration = Duration::from_secs(60);
    let shop = Shop::new(Opening::default());
    shop.open("phone".to_owned(), 1_000_000).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for customer in 0..2 {
            let (shop, done) = (&shop, &done);
            scope.spawn(move || {
                for number in 0..1_000_000 {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let (key, line) = (format!("{customer}-{number}"), ("phone".into(), 1));
                    shop.place(key.clone(), vec![line], MINUTE).unwrap();
                    shop.pay(&key).unwrap();
                }
            });
        }
        let mut snapshots = Vec::new();
        while shop.remembered() < 3_000 {
            snapshots.push(shop.keep());
        }
        done.store(true, Ordering::Relaxed);
        for kept in snapshots {
            let held = kept.inventory.holds.iter().map(|hold| &hold.key);
            let held: BTreeSet<_> = held.collect();
            assert!(kept.sold.iter().all(|order| !held.contains(&order.id)));
            assert_eq!(kept.inventory.skus[0].books.sold, kept.sold.len() as u64);
        }
    });
}

#[test]
fn closed_in_full_swing_it_keeps_all_that_it_confirmed_and_changes_nothing_more() {
    const MINUTE: Duration = Duration::from_secs(60);
    let shop = Shop::new(Opening::default());
    shop.open("phone".to_owned(), 100_000).unwrap();
    let order = |key: &str| shop.place(key.to_owned(), vec![("phone".into(), 1)], MINUTE);
    let (kept, confirmed) = thread::scope(|scope| {
        let customers: Vec<_> = (0..2)
            .map(|customer| {
                let order = &order;
                let shop = &shop;
                scope.spawn(move || {
                    let mut paid = Vec::new();
                    for number in 0..100_000 {
                        let key = format!("{customer}-{number}");
                        // Until it is closed.
                        if order(&key).is_err() || shop.pay(&key).is_err() {
                            break;
                        }
                        paid.push(key);
                    }
                    paid
                })
            })
            .collect();
        while shop.remembered() < 1_000 {
            thread::yield_now();
        }
        let kept = shop.close();
        let confirmed = customers.into_iter().flat_map(|it| it.join().unwrap());
        (kept, confirmed.collect::<BTreeSet<_>>())
    });
    let sold: BTreeSet<_> = kept.sold.into_iter().map(|order| order.id).collect();
    assert!(confirmed.len() > 100);
    assert!(confirmed == sold, "all that was confirmed, and no more");

    let (paid, books) = (confirmed.first().unwrap(), shop.stock("phone"));
    assert!(matches!(order("late"), Err(ShopError::Closed(_))));
    assert!(matches!(shop.pay(paid), Err(ShopError::Closed(_))));
    assert!(matches!(shop.cancel(paid), Err(ShopError::Closed(_))));
    let restocked = shop.restock("phone", 1);
    assert!(matches!(restocked, Err(ShopError::Closed(_))));
    let counted = shop.set_on_hand("phone".into(), 1, None);
    assert!(matches!(counted, Err(ShopError::Closed(_))));
    assert_eq!(shop.stock("phone"), books);
    // It is still to be asked.
    assert_eq!(shop.order(paid).unwrap().1, Standing::Sold);
}

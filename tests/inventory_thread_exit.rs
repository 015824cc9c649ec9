//! An inventory is used while a thread ends: in the destructor of a thread-local, when the map's own thread-locals
//! are gone already. Failing means that the process aborts, so these tests have a process of their own.
#![cfg(all(feature = "inventory", not(loom)))]

use segstock::inventory::{OnTheWay, OrderReservation, Shelf};
use segstock::{Inventory, Reservation};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

type Shop = Arc<Inventory<String>>;

/// What a thread leaves to its end.
struct Left {
    shop: Shop,
    order: Option<OrderReservation<Shop>>,
    reservation: Option<Reservation<Shelf<Shop>>>,
    on_the_way: Option<OnTheWay<Shop>>,
    ended: Arc<AtomicU64>,
}

thread_local! {
    static LEFT: RefCell<Option<Left>> = const { RefCell::new(None) };
}

impl Drop for Left {
    fn drop(&mut self) {
        drop((
            self.order.take(),
            self.reservation.take(),
            self.on_the_way.take(),
        ));
        every_call(&self.shop);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn sku(name: &str) -> String {
    name.to_owned()
}

/// Leaves "a" and "b" as they were but for one unit of each, which is sold.
fn every_call(shop: &Shop) {
    let c = sku(&format!("made by {:?}", thread::current().id()));
    shop.insert(c.clone(), 10).unwrap();
    shop.set_low_stock(&c, 20).unwrap();
    shop.deduct(&c, 1).unwrap();
    assert_eq!(shop.deduct_up_to(&c, 1), Some(1));
    shop.restock(&c, 2).unwrap();
    shop.reserve(&c, 1).unwrap().commit();
    Arc::clone(shop).reserve_owned(&c, 1).unwrap().release();
    shop.write_off(&c, 1).unwrap();
    shop.stocktake(&c, 8, 9).unwrap();
    shop.move_units(&c, &c, 1).unwrap();
    drop(shop.send(&c, &c, 1).unwrap());
    let sent = shop.send(&c, &c, 1).unwrap();
    sent.arrive().unwrap();
    assert_eq!(shop.withdraw(&c, 1).unwrap().taken, 1);
    assert_eq!(shop.forgive(&c, 1), Ok(0));
    shop.restock(&c, 1).unwrap();
    assert!(shop.low_stock().any(|(sku, _)| sku == c));
    shop.reserve_up_to(&c, 1).unwrap().release();
    let mut order = shop
        .order([(sku("a"), 1), (sku("b"), 1), (c.clone(), 1)])
        .unwrap();
    order.release_line(&c).unwrap();
    order.commit();
    shop.order([(sku("a"), u64::from(u32::MAX))]).unwrap_err();
    assert!(shop.contains(&c) && !shop.is_empty() && shop.len() > 2);
    assert_eq!(shop.available(&c), Some(9));
    assert_eq!(shop.get(&c).unwrap().written_off, 1);
    assert!(shop.iter().count() > 2);
    assert!(shop.snapshot().skus.len() > 2);
    assert_eq!(shop.remove(&c).unwrap().available, 9);
    assert_eq!(format!("{shop:?}"), "Inventory { skus: 2, .. }");
}

/// A thread that uses the inventory, then ends with units reserved.
fn end_with_units_reserved(shop: &Shop, registered_first: bool) -> u64 {
    let ended = Arc::new(AtomicU64::new(0));
    let (theirs, count) = (Arc::clone(shop), Arc::clone(&ended));
    let thread = thread::spawn(move || {
        // Destructors run in the reverse sequence of the first uses, on most platforms: so both are tried.
        if registered_first {
            LEFT.with_borrow(|left| assert!(left.is_none()));
        }
        let lines = [(sku("a"), 2), (sku("b"), 1)];
        let left = Left {
            order: Some(Arc::clone(&theirs).order_owned(lines).unwrap()),
            reservation: Some(Arc::clone(&theirs).reserve_owned(&sku("a"), 3).unwrap()),
            on_the_way: Some(OnTheWay::new(Arc::clone(&theirs), &sku("b"), &sku("a"), 4).unwrap()),
            shop: theirs,
            ended: count,
        };
        LEFT.set(Some(left));
    });
    thread.join().unwrap();
    ended.load(Ordering::Relaxed)
}

#[test]
fn a_thread_ends_with_units_reserved() {
    let shop = Shop::default();
    for name in ["a", "b"] {
        shop.insert(sku(name), 100).unwrap();
    }
    for (threads, registered_first) in [(1, true), (2, false)] {
        assert_eq!(end_with_units_reserved(&shop, registered_first), 1);
        for name in ["a", "b"] {
            let snapshot = shop.get(name).unwrap();
            assert_eq!((snapshot.reserved, snapshot.on_the_way), (0, 0));
            assert_eq!(
                (snapshot.available, snapshot.sold),
                (100 - threads, threads)
            );
        }
    }
}

/// A thread whose first use of any inventory is at its end.
#[test]
fn a_thread_uses_an_inventory_only_at_its_end() {
    struct AtEnd(Shop);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            every_call(&self.0);
        }
    }
    thread_local! {
        static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }
    let shop = Shop::default();
    for name in ["a", "b"] {
        shop.insert(sku(name), 100).unwrap();
    }
    let theirs = Arc::clone(&shop);
    thread::spawn(move || AT_END.set(Some(AtEnd(theirs))))
        .join()
        .unwrap();
    assert_eq!(shop.get("a").unwrap().sold, 1);
}

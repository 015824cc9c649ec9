//! An inventory is used while a thread ends: in the destructor of a thread-local, when the map's own thread-locals
//! are gone already. Failing means that the process aborts, so these tests have a process of their own.
#![cfg(all(feature = "inventory", not(loom)))]

use segstock::inventory::{
    InventorySnapshot, OnTheWay, OrderHolds, OrderReservation, Shelf, SkuError,
};
use segstock::{
    Holds, Inventory, Lease, ManualClock, Reservation, Reserving, Settle, SettleParts, Stock,
    StockCounter,
};
use std::cell::RefCell;
use std::fs;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

type Shop = Arc<Inventory<String>>;
type Lines = Vec<(String, u64)>;
type Orders = OrderHolds<u64, Shop, Arc<ManualClock>>;
type OwnOrders = Holds<u64, Own, Lines, Arc<ManualClock>>;

/// What a thread leaves to its end.
struct Left {
    shop: Shop,
    order: Option<OrderReservation<Shop>>,
    reservation: Option<Reservation<Shelf<Shop>>>,
    till: Option<Lease<Shelf<Shop>>>,
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
            self.till.take(),
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
    calls_on_a_sku(shop);
    calls_on_a_shelf(shop);
    calls_on_an_inventory_with_a_hasher();
    calls_on_an_order(shop);
    calls_on_a_snapshot(shop);
}

fn calls_on_a_sku(shop: &Shop) {
    let c = sku(&format!("made by {:?}", thread::current().id()));
    shop.reserve_skus(1_000);
    let unknown = Err(SkuError::UnknownSku);
    assert_eq!(shop.set_low_stock(&c, 20), unknown);
    assert_eq!(shop.deduct(&c, 1), unknown);
    assert_eq!((shop.get(&c), shop.deduct_up_to(&c, 1)), (None, None));
    shop.insert_stock(c.clone(), Stock::new(1)).unwrap();
    assert!(shop.insert(c.clone(), 1).is_err());
    assert_eq!(shop.remove(&c).unwrap().available, 1);
    assert!(shop.remove(&c).is_err());
    shop.insert(c.clone(), 10).unwrap();
    shop.set_low_stock(&c, 20).unwrap();
    shop.deduct(&c, 1).unwrap();
    assert_eq!(shop.deduct_up_to(&c, 1), Some(1));
    shop.restock(&c, 2).unwrap();
    shop.reserve(&c, 1).unwrap().commit();
    Arc::clone(shop).reserve_owned(&c, 1).unwrap().release();
    let mut three = shop.reserve(&c, 3).unwrap();
    let one = three.split(1).unwrap();
    drop(three.merge(one).unwrap());
    let mut two = shop.reserve(&c, 2).unwrap();
    two.commit_part(1).unwrap();
    drop(two);
    shop.restock(&c, 1).unwrap();
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

/// The calls of a [`Shelf`] by its traits, and what stands on them.
fn calls_on_a_shelf(shop: &Shop) {
    let f = sku(&format!("on a shelf of {:?}", thread::current().id()));
    shop.insert(f.clone(), 20).unwrap();
    let reservation = Arc::clone(shop).reserve_owned(&f, 1).unwrap();
    let shelf = reservation.stock().clone();
    assert_eq!(shelf.sku(), &f);
    assert_eq!(format!("{shelf:?}"), format!("Shelf({f:?})"));
    assert_eq!(shelf.address(), reservation.stock().address());
    reservation.commit();
    shelf.deduct(1).unwrap();
    shelf.restock(1).unwrap();
    assert!(shelf.deduct(99).is_err() && shelf.reserve_units(99).is_err());
    shelf.reserve_units(3).unwrap();
    shelf.commit_units(1);
    shelf.release_units(2);
    assert_eq!(shelf.try_reserve_up_to(99), Some(18));
    shelf.release_units(18);
    assert_eq!(shelf.try_deduct_up_to(1), Some(1));
    assert_eq!(
        shelf.try_withdraw(1).map(|it| (it.taken, it.owed)),
        Some((1, 0))
    );
    assert_eq!(shelf.try_forgive(1), Some(0));
    shelf.restock(2).unwrap();
    assert_eq!(shelf.try_snapshot().unwrap().available, 18);
    assert!(shelf.reserving().is_some());

    Settle::commit(Reservation::new(shelf.clone(), 1).unwrap());
    Settle::release(Reservation::up_to(shelf.clone(), 99).unwrap());
    let mut till = Lease::new(shelf.clone(), 4);
    till.deduct(3).unwrap();
    till.deduct(2).unwrap();
    assert_eq!((till.units(), shelf.available()), (3, 9));
    assert_eq!(till.settle(), 5);
    Lease::new(shelf.clone(), 4).deduct(1).unwrap();
    assert_eq!(shelf.available(), 11);
    let last = shop.remove(&f).unwrap();
    assert_eq!((last.available, last.sold), (11, 11));
    assert!(shelf.deduct(1).is_err() && shelf.restock(1).is_err());
    assert!(shelf.reserve_units(1).is_err());
    assert_eq!(
        (shelf.available(), shelf.try_reserve_up_to(1)),
        (0, Some(0))
    );
}

fn calls_on_an_inventory_with_a_hasher() {
    let builder = Inventory::<String>::builder().capacity(10);
    let shop = Arc::new(
        builder
            .hasher(BuildHasherDefault::<DefaultHasher>::new())
            .build(),
    );
    shop.insert(sku("g"), 5).unwrap();
    assert!(shop.remove("none").is_err());
    shop.order([(sku("g"), 2)]).unwrap().commit();
    drop(Arc::clone(&shop).reserve_owned("g", 1).unwrap());
    let sent = OnTheWay::new(Arc::clone(&shop), "g", "g", 2).unwrap();
    assert_eq!(sent.units(), 2);
    assert_eq!(
        format!("{sent:?}"),
        "OnTheWay { from: \"g\", to: \"g\", units: 2, .. }"
    );
    drop(sent);
    let kept = shop.snapshot();
    let again = Inventory::builder()
        .hasher(BuildHasherDefault::<DefaultHasher>::new())
        .restore(&kept);
    assert_eq!(again.unwrap().0.available("g"), Some(3));
    assert_eq!(shop.remove("g").unwrap().sold, 2);
}

/// An order in a type of one's own.
struct Own(OrderReservation<Shop>);

impl AsRef<OrderReservation<Shop>> for Own {
    fn as_ref(&self) -> &OrderReservation<Shop> {
        self.0.as_ref()
    }
}

impl Settle for Own {
    fn units(&self) -> u64 {
        Settle::units(&self.0)
    }

    fn commit(self) {
        Settle::commit(self.0);
    }

    fn release(self) {
        Settle::release(self.0);
    }
}

fn calls_on_an_order(shop: &Shop) {
    let d = sku(&format!("ordered by {:?}", thread::current().id()));
    let other = Shop::default();
    shop.insert(d.clone(), 20).unwrap();
    let lines = || [(d.clone(), 8), (sku("a"), 1)];
    let mut order = shop.order(lines()).unwrap();
    order.commit_part(&d, 1).unwrap();
    order.release_part(&d, 1).unwrap();
    let parcel = order.split([(d.clone(), 2)]).unwrap();
    let order = order.merge(parcel).unwrap();
    assert_eq!((order.units(), order.lines().count()), (7, 2));
    other.insert(d.clone(), 1).unwrap();
    let elsewhere = OrderReservation::new(&*other, [(d.clone(), 1)]).unwrap();
    let mut two = order.merge(elsewhere).unwrap_err();
    two.left.commit_line(&d).unwrap();
    drop(two);
    let mut owned = OrderReservation::new(Arc::clone(shop), lines()).unwrap();
    assert_eq!(SettleParts::all(&owned).len(), 2);
    let part = SettleParts::split(&mut owned, &vec![(d.clone(), 1)]).unwrap();
    assert!(SettleParts::can_merge(&owned, &part));
    SettleParts::merge(&mut owned, part);
    assert!(format!("{owned:?}").contains("lines"));
    owned.release();
    let empty = Settle::units(&OrderReservation::new(&**shop, lines()).unwrap());
    assert_eq!(empty, 9);
    drop(Arc::clone(shop).order_owned(lines()).unwrap());
    let gone = shop.reserve(&d, 3).unwrap();
    assert!(shop.remove(&d).is_err());
    drop(gone);
    assert_eq!(shop.remove(&d).unwrap().sold, 7);
}

/// Of an inventory that is made, kept and opened again here; it is dropped here, too.
fn calls_on_a_snapshot(shop: &Shop) {
    let (here, clock) = (Shop::default(), Arc::new(ManualClock::new()));
    here.insert(sku("e"), 10).unwrap();
    let holds: Orders = Holds::builder().clock(Arc::clone(&clock)).build();
    for key in 1..=3 {
        let lines = vec![(sku("e"), 2)];
        let order = |lines: &Lines| Arc::clone(&here).order_owned(lines.clone());
        let minute = Duration::from_secs(60);
        assert!(holds.place(key, lines, minute, order).is_ok());
    }
    holds.confirm(&1).unwrap();
    let part = vec![(sku("e"), 1)];
    assert!(holds.release_part(&2, &part).is_ok());
    let kept = here.snapshot_with(&holds).after(Duration::from_secs(1));
    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    let again = Arc::new(again);
    assert_eq!(restored.freed, 0);
    let held: Orders = Holds::builder().clock(Arc::clone(&clock)).build();
    assert_eq!(kept.note_resolved(&held), 1);
    assert_eq!(kept.place_holds(&again, &held), Ok(2));
    let now = again.get("e").unwrap();
    assert_eq!((now.available, now.reserved, now.sold), (5, 3, 2));
    calls_on_holds_of_a_type_of_ones_own(&kept, &clock);
    clock.advance(Duration::from_secs(60));
    assert_eq!((held.sweep(9), holds.sweep(9)), (2, 2));
    assert_eq!(again.available("e"), Some(8));
    assert_eq!(shop.get("e"), None, "another inventory");
}

fn calls_on_holds_of_a_type_of_ones_own(
    kept: &InventorySnapshot<String, u64, Lines>,
    clock: &Arc<ManualClock>,
) {
    let (again, _) = Inventory::builder().restore(kept).unwrap();
    let again = Arc::new(again);
    let held: OwnOrders = Holds::builder().clock(Arc::clone(clock)).build();
    let placed = kept.place_holds_with(&again, &held, |_, order| Own(order));
    assert_eq!(placed, Ok(2));
    assert_eq!(again.snapshot_with(&held).holds.len(), 2);
    held.confirm(&3).unwrap();
    held.release(&2).unwrap();
    let now = again.get("e").unwrap();
    assert_eq!((now.available, now.reserved, now.sold), (6, 0, 4));
}

/// Each public call of an inventory and of what it returns is made above.
#[test]
fn no_call_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inventory");
    let files = fs::read_dir(&folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files
        .filter(|file| file.is_file())
        .chain([folder.with_extension("rs")]);
    let tests = include_str!("inventory_thread_exit.rs");
    let mut calls = 0;
    for file in files {
        // Errors are plain values, and rows are made by whoever has them elsewhere: neither has a map.
        let (source, name) = (
            fs::read_to_string(&file).unwrap(),
            file.file_stem().unwrap(),
        );
        if name == "errors" || name == "known_thread" {
            continue;
        }
        let is_of_rows = |call: &str| name == "snapshot" && ["new", "on_hand"].contains(&call);
        let public = source.split("\n    pub ").skip(1);
        let functions =
            public.filter_map(|it| it.split_once("fn ").filter(|(before, _)| before.len() < 7));
        let names = functions.map(|(_, it)| it.split(['(', '<']).next().unwrap());
        for call in names.filter(|call| !is_of_rows(call)) {
            let made = [".", "::"].map(|before| format!("{before}{call}("));
            assert!(
                made.iter().any(|it| tests.contains(it)),
                "{call} of {}",
                file.display()
            );
            calls += 1;
        }
    }
    assert!(calls > 50, "{calls} calls were found");
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
        let reservation = Arc::clone(&theirs).reserve_owned(&sku("b"), 1).unwrap();
        let mut till = Lease::new(reservation.stock().clone(), 5);
        till.deduct(1).unwrap();
        drop(reservation);
        let left = Left {
            order: Some(Arc::clone(&theirs).order_owned(lines).unwrap()),
            reservation: Some(Arc::clone(&theirs).reserve_owned(&sku("a"), 3).unwrap()),
            till: Some(till),
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
        // One of each in an order, and one of "b" from the till.
        for (name, sold) in [("a", threads), ("b", 2 * threads)] {
            let snapshot = shop.get(name).unwrap();
            assert_eq!((snapshot.reserved, snapshot.on_the_way), (0, 0));
            assert_eq!((snapshot.available, snapshot.sold), (100 - sold, sold));
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

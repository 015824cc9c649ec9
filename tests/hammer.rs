//! Everything at once, from a plain `main`: for `ThreadSanitizer`, which knows no test harness and not the
//! locks of `std` (`.ci/heavy tsan`). As an ordinary test it is over in a moment.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() {
    hammer::all();
}

#[cfg(not(loom))]
mod hammer {
    use segstock::{
        Holds, Inventory, LockedStock, Reserving, Snapshot, Stock, StockCounter, Withdrawn,
    };
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    const THREADS: u64 = 4;
    const TURNS: u64 = 2_000;

    pub fn all() {
        for stock in [
            Stock::new(1_000),
            Stock::builder(40).segments(4).build().expect("4 segments"),
            Stock::builder(10_000)
                .segments(3)
                .build()
                .expect("3 segments"),
        ] {
            let sums = Sums::default();
            on_threads(|turn| work_on(&stock, turn, &sums));
            on_threads(|turn| sums.sold(stock.deduct_up_to(turn % 50)));
            on_threads(|turn| work_up_to(&stock, turn, &sums));
            sums.assert_kept_by(stock.snapshot());
        }
        owing();
        locked();
        holds();
        inventory();
        println!("hammered, and nothing lost");
    }

    /// What the threads were answered, added up by themselves.
    #[derive(Default)]
    struct Sums {
        sold: AtomicU64,
        restocked: AtomicU64,
        withdrawn: AtomicU64,
        forgiven: AtomicU64,
    }

    impl Sums {
        fn sold(&self, units: u64) {
            self.sold.fetch_add(units, Ordering::Relaxed);
        }

        fn restocked(&self, units: u64) {
            self.restocked.fetch_add(units, Ordering::Relaxed);
        }

        fn withdraw<S: StockCounter>(&self, stock: &S, units: u64) {
            let Withdrawn { taken, owed, .. } = stock.try_withdraw(units).expect("it is offered");
            self.withdrawn.fetch_add(taken + owed, Ordering::Relaxed);
        }

        fn forgive<S: StockCounter>(&self, stock: &S, units: u64) {
            let units = stock.try_forgive(units).expect("it is offered");
            self.forgiven.fetch_add(units, Ordering::Relaxed);
        }

        fn assert_kept_by(self, snapshot: Snapshot) {
            let sums = (self.sold.into_inner(), self.restocked.into_inner());
            assert_eq!((snapshot.sold, snapshot.restocked), sums);
            let withdrawn = self.withdrawn.into_inner() - self.forgiven.into_inner();
            assert_eq!(snapshot.withdrawn, withdrawn);
            assert_balanced(&snapshot);
            assert_eq!(snapshot.reserved, 0);
        }
    }

    fn assert_balanced(now: &Snapshot) {
        let came = now.initial + now.restocked + now.owed;
        let are = now.available + now.reserved + now.sold + now.withdrawn;
        assert_eq!(came, are, "{now:?}");
        assert!(now.owed == 0 || now.available == 0, "{now:?}");
    }

    fn on_threads(turn: impl Fn(u64) + Sync) {
        thread::scope(|scope| {
            let turns = |thread| {
                let turn = &turn;
                scope.spawn(move || (0..TURNS).for_each(|n| turn(n * THREADS + thread)))
            };
            let threads: Vec<_> = (0..THREADS).map(turns).collect();
            // One by one: the sanitizer sees an end only where the system is asked to wait for it.
            for thread in threads {
                thread.join().expect("nobody panics");
            }
        });
    }

    /// Two thirds of what is taken come back.
    fn work_on<S: Reserving>(stock: &S, turn: u64, sums: &Sums) {
        let units = turn % 7;
        let restock = || {
            stock.restock(units).expect("room");
            sums.restocked(units);
        };
        match turn % 6 {
            0 if stock.deduct(units).is_ok() => {
                sums.sold(units);
                restock();
            }
            1 | 2 => {
                if let Ok(reservation) = segstock::Reservation::new(stock, units)
                    && turn.is_multiple_of(2)
                {
                    reservation.commit();
                    sums.sold(units);
                }
            }
            3 => {
                let mut till = segstock::Lease::new(stock, 16);
                _ = till.deduct(units);
                sums.sold(till.settle());
            }
            4 => restock(),
            _ => {
                _ = stock.try_snapshot();
                _ = stock.available();
            }
        }
    }

    /// Reserves what there is, sells some of it and restocks what it sold.
    fn work_up_to<S: Reserving>(stock: &S, turn: u64, sums: &Sums) {
        let reservation = segstock::Reservation::up_to(stock, turn % 200);
        let mut reservation = reservation.expect("it is offered");
        let part = reservation.units() / 2;
        assert!(reservation.units() <= turn % 200, "no more than was asked");
        reservation.commit_part(part).expect("it has them");
        sums.sold(part);
        stock.restock(part).expect("room");
        sums.restocked(part);
    }

    /// Withdraws more than comes back at times, while units are reserved that are released then, and forgives some of it.
    /// Each snapshot is balanced.
    fn work_on_what_owes<S: Reserving>(stock: &S, turn: u64, sums: &Sums) {
        match turn / THREADS % 16 {
            3 => work_up_to(stock, turn, sums),
            0 => {
                let reservation = segstock::Reservation::new(stock, turn % 7);
                sums.withdraw(stock, turn % 40);
                drop(reservation);
            }
            1 => sums.forgive(stock, turn % 11),
            2 => assert_balanced(&stock.try_snapshot().expect("it is offered")),
            _ => work_on(stock, turn, sums),
        }
    }

    fn owing() {
        for segments in [1, 3] {
            let stock = Stock::builder(100).segments(segments).build();
            let stock = stock.expect("a few segments");
            let (sums, owed) = (Sums::default(), AtomicU64::new(0));
            on_threads(|turn| {
                work_on_what_owes(&stock, turn, &sums);
                owed.fetch_max(stock.snapshot().owed, Ordering::Relaxed);
            });
            sums.assert_kept_by(stock.snapshot());
            assert!(owed.into_inner() > 0, "it never owed");
        }
        let stock = LockedStock::new(100, 3).expect("3 segments");
        let sums = Sums::default();
        on_threads(|turn| work_on_what_owes(&stock, turn, &sums));
        sums.assert_kept_by(stock.snapshot());
    }

    fn locked() {
        let stock = LockedStock::new(500, 4).expect("4 segments");
        let sums = Sums::default();
        on_threads(|turn| {
            work_on(&stock, turn, &sums);
            let order = || if turn % 5 == 0 { Err(()) } else { Ok(()) };
            if stock.deduct_with(turn % 3, order).is_ok() {
                sums.sold(turn % 3);
            }
        });
        sums.assert_kept_by(stock.snapshot());
    }

    fn holds() {
        let stock = Stock::new(300);
        let holds = Holds::builder().shards(2).build();
        on_threads(|turn| {
            let key = turn / 3 * 2;
            _ = holds.place(key, 1, Duration::from_micros(50), |&n| stock.reserve(n));
            match turn % 4 {
                0 => _ = holds.confirm(&key),
                1 => _ = holds.release(&key),
                2 => _ = holds.extend(&key, Duration::from_micros(1)),
                _ => _ = holds.get(&key),
            }
            if stock.available() < 100 {
                stock.restock(50).expect("room");
            }
        });
        drop(holds);
        assert_eq!(stock.snapshot().reserved, 0);
    }

    fn inventory() {
        let shop = Inventory::new();
        let open = |sku| {
            if shop.insert(sku, 500).is_ok() {
                _ = shop.set_low_stock(&sku, 100);
            }
        };
        on_threads(|turn| {
            let (a, b) = (turn % 3, (turn + 1) % 3);
            open(a);
            match turn % 8 {
                0 => _ = shop.remove(&a),
                1 => _ = shop.restock(&a, 3),
                2 => _ = shop.move_units(&a, &b, 2),
                3 => _ = shop.snapshot(),
                4 if turn % 32 == 12 => _ = shop.withdraw(&a, 300),
                4 if turn % 32 == 28 => _ = shop.forgive(&a, 200),
                4 if turn.is_multiple_of(16) => _ = shop.low_stock().count(),
                4 => _ = shop.write_off(&a, 1),
                _ => {
                    if let Ok(order) = shop.order([(a, 2), (b, 1)])
                        && turn.is_multiple_of(2)
                    {
                        order.commit();
                    }
                }
            }
        });
        for row in shop.snapshot().skus {
            let now = row.snapshot;
            assert_eq!(now.reserved + now.on_the_way, 0);
            assert!(now.owed == 0 || now.available == 0, "{now:?}");
        }
    }
}

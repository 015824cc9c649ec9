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
    use segstock::{Holds, Inventory, LockedStock, Reserving, Snapshot, Stock};
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
            sums.assert_kept_by(stock.snapshot());
        }
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
    }

    impl Sums {
        fn sold(&self, units: u64) {
            self.sold.fetch_add(units, Ordering::Relaxed);
        }

        fn restocked(&self, units: u64) {
            self.restocked.fetch_add(units, Ordering::Relaxed);
        }

        fn assert_kept_by(self, snapshot: Snapshot) {
            let sums = (self.sold.into_inner(), self.restocked.into_inner());
            assert_eq!((snapshot.sold, snapshot.restocked), sums);
            assert_eq!(snapshot.available, snapshot.initial + sums.1 - sums.0);
            assert_eq!(snapshot.reserved, 0);
        }
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
            assert_eq!(row.snapshot.reserved + row.snapshot.on_the_way, 0);
        }
    }
}

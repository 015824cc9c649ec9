//! Random calls on an inventory, one after another, against a plain map of what each SKU has.
#![cfg(all(feature = "inventory", not(loom)))]

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::Inventory;
use segstock::inventory::{OrderRefused, OrderReservation, RemoveError};
use std::collections::BTreeMap;

type Lines = Vec<(u8, u64)>;

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, u64),
    Remove(u8),
    Deduct(u8, u64),
    Restock(u8, u64),
    WriteOff(u8, u64),
    Stocktake(u8, u64, u64),
    Move(u8, u8, u64),
    Order(Lines),
    /// Of the orders that are open, one by its place.
    Commit(usize),
    Drop(usize),
    CommitLine(usize, u8),
    ReleasePart(usize, u8, u64),
    /// One line, or what there is of it, to an order of its own.
    Split(usize, u8, u64),
    Merge(usize, usize),
    ReserveUpTo(u8, u64),
    LowStock(u8, u64),
    Withdraw(u8, u64),
    Forgive(u8, u64),
    KeepAndOpen,
}

fn step() -> impl Strategy<Value = Step> {
    let sku = || 0..5_u8;
    let units = || 0..6_u64;
    let lines = || prop::collection::vec((sku(), units()), 0..5);
    prop_oneof![
        3 => (sku(), 0..12_u64).prop_map(|(sku, units)| Step::Insert(sku, units)),
        1 => sku().prop_map(Step::Remove),
        3 => (sku(), units()).prop_map(|(sku, units)| Step::Deduct(sku, units)),
        2 => (sku(), units()).prop_map(|(sku, units)| Step::Restock(sku, units)),
        1 => (sku(), units()).prop_map(|(sku, units)| Step::WriteOff(sku, units)),
        1 => (sku(), units(), units()).prop_map(|(sku, book, n)| Step::Stocktake(sku, book, n)),
        2 => (sku(), sku(), units()).prop_map(|(from, to, n)| Step::Move(from, to, n)),
        5 => lines().prop_map(Step::Order),
        2 => (0..4_usize).prop_map(Step::Commit),
        2 => (0..4_usize).prop_map(Step::Drop),
        2 => (0..4_usize, sku()).prop_map(|(order, sku)| Step::CommitLine(order, sku)),
        1 => (0..4_usize, sku(), units()).prop_map(|(n, sku, units)| Step::ReleasePart(n, sku, units)),
        1 => (0..4_usize, sku(), units()).prop_map(|(n, sku, units)| Step::Split(n, sku, units)),
        1 => (0..4_usize, 0..4_usize).prop_map(|(one, other)| Step::Merge(one, other)),
        1 => (sku(), units()).prop_map(|(sku, units)| Step::ReserveUpTo(sku, units)),
        2 => (sku(), units()).prop_map(|(sku, units)| Step::LowStock(sku, units)),
        2 => (sku(), units()).prop_map(|(sku, units)| Step::Withdraw(sku, units)),
        1 => (sku(), units()).prop_map(|(sku, units)| Step::Forgive(sku, units)),
        1 => Just(Step::KeepAndOpen),
    ]
}

/// What a SKU has. `came` is initial and restocked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Has {
    available: u64,
    reserved: u64,
    sold: u64,
    written_off: u64,
    moved_out: u64,
    came: u64,
    owed: u64,
    withdrawn: u64,
    threshold: u64,
}

impl Has {
    /// Units come back: they pay what is owed, and the rest is available.
    fn put(&mut self, units: u64) {
        let paid = self.owed.min(units);
        self.owed -= paid;
        self.available += units - paid;
    }

    /// Returns how many units it takes, and how many it owes.
    fn withdraw(&mut self, units: u64) -> (u64, u64) {
        let taken = self.available.min(units);
        self.available -= taken;
        self.owed += units - taken;
        self.withdrawn += units;
        (taken, units - taken)
    }

    fn forgive(&mut self, units: u64) -> u64 {
        let forgiven = self.owed.min(units);
        self.owed -= forgiven;
        self.withdrawn -= forgiven;
        forgiven
    }

    fn take(&mut self, units: u64) -> bool {
        let enough = self.available >= units;
        if enough {
            self.available -= units;
        }
        enough
    }
}

/// The model: what each SKU has.
#[derive(Debug, Default)]
struct Model {
    skus: BTreeMap<u8, Has>,
}

impl Model {
    fn take(&mut self, sku: u8, units: u64, to: impl Fn(&mut Has)) -> bool {
        let taken = self.skus.get_mut(&sku).is_some_and(|has| has.take(units));
        if taken {
            self.skus.entry(sku).and_modify(to);
        }
        taken
    }

    fn low(&self) -> Vec<(u8, u64)> {
        let low = self
            .skus
            .iter()
            .filter(|(_, has)| has.available < has.threshold);
        low.map(|(&sku, has)| (sku, has.available)).collect()
    }

    /// What an order gets: its lines summed, or the kind of its refusal and the SKUs to blame.
    fn order(&mut self, lines: &Lines) -> Result<BTreeMap<u8, u64>, (&'static str, Vec<u8>)> {
        let mut sums = BTreeMap::new();
        if lines.is_empty() {
            return Err(("empty", vec![]));
        }
        for &(sku, units) in lines {
            if units == 0 {
                return Err(("zero", vec![sku]));
            }
            *sums.entry(sku).or_insert(0) += units;
        }
        let which = |wrong: &dyn Fn(u8, u64) -> bool| -> Vec<u8> {
            let wrong = sums.iter().filter(|&(&sku, &units)| wrong(sku, units));
            wrong.map(|(&sku, _)| sku).collect()
        };
        let unknown = which(&|sku, _| !self.skus.contains_key(&sku));
        if !unknown.is_empty() {
            return Err(("unknown", unknown));
        }
        let short = which(&|sku, units| self.skus[&sku].available < units);
        if !short.is_empty() {
            return Err(("short", short));
        }
        for (&sku, &units) in &sums {
            self.take(sku, units, |has| has.reserved += units);
        }
        Ok(sums)
    }
}

fn kind(refused: &OrderRefused<u8>) -> (&'static str, Vec<u8>) {
    match refused {
        OrderRefused::Empty => ("empty", vec![]),
        OrderRefused::ZeroUnits { sku } => ("zero", vec![*sku]),
        OrderRefused::UnknownSkus(skus) => ("unknown", skus.clone()),
        OrderRefused::OutOfStock(lines) => ("short", lines.iter().map(|line| line.sku).collect()),
        other => panic!("{other:?}"),
    }
}

/// What was opened from a snapshot has nothing reserved.
fn keep_and_open(shop: &Inventory<u8>, model: &Model) {
    let kept = shop.snapshot();
    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.skus, model.skus.len());
    let mut freed = 0;
    for (sku, has) in &model.skus {
        let mut opened = *has;
        let back = std::mem::take(&mut opened.reserved);
        opened.put(back);
        freed += opened.available - has.available;
        check_figures(&again, *sku, &opened);
        // What is still owed keeps those units from everybody.
        assert_eq!(again.restock(sku, 3), Ok(()));
        opened.put(3);
        assert_eq!(again.available(sku), Some(opened.available));
    }
    assert_eq!(restored.freed, freed);
}

#[track_caller]
fn check_figures(shop: &Inventory<u8>, sku: u8, has: &Has) {
    let snapshot = shop.get(&sku).unwrap();
    let here = (snapshot.available, snapshot.reserved, snapshot.on_the_way);
    assert_eq!(here, (has.available, has.reserved, 0), "{sku}");
    let gone = (snapshot.sold, snapshot.written_off, snapshot.moved_out);
    assert_eq!(gone, (has.sold, has.written_off, has.moved_out), "{sku}");
    assert_eq!(
        (snapshot.owed, snapshot.withdrawn),
        (has.owed, has.withdrawn)
    );
    assert_eq!(snapshot.initial + snapshot.restocked, has.came);
}

/// Takes `units` off a line, if it has no fewer.
fn take_part(lines: &mut BTreeMap<u8, u64>, sku: u8, units: u64) -> bool {
    let rest = lines.get(&sku).copied().unwrap_or(0).checked_sub(units);
    match rest {
        Some(0) => _ = lines.remove(&sku),
        Some(rest) => _ = lines.insert(sku, rest),
        None => {}
    }
    rest.is_some()
}

fn run(steps: Vec<Step>) {
    let shop = Inventory::<u8>::new();
    let mut model = Model::default();
    let mut open: Vec<(OrderReservation<_>, BTreeMap<u8, u64>)> = Vec::new();
    for step in steps {
        match step {
            Step::Insert(sku, units) => {
                let new = !model.skus.contains_key(&sku);
                assert_eq!(shop.insert(sku, units).is_ok(), new);
                model.skus.entry(sku).or_insert(Has {
                    available: units,
                    came: units,
                    ..Has::default()
                });
            }
            Step::Remove(sku) => match (shop.remove(&sku), model.skus.get(&sku).copied()) {
                (Err(RemoveError::UnknownSku), None) => {}
                (Err(RemoveError::Reserved { units }), Some(has)) => {
                    assert_eq!((units, units > 0), (has.reserved, true));
                }
                (Ok(last), Some(has)) => {
                    assert_eq!((last.available, last.sold), (has.available, has.sold));
                    assert_eq!(has.reserved, 0);
                    model.skus.remove(&sku);
                }
                other => panic!("{other:?}"),
            },
            Step::Deduct(sku, units) => {
                let sold = model.take(sku, units, |has| has.sold += units);
                assert_eq!(shop.deduct(&sku, units).is_ok(), sold);
            }
            Step::Restock(sku, units) => {
                let came = model.skus.get_mut(&sku).map(|has| {
                    has.put(units);
                    has.came += units;
                });
                assert_eq!(shop.restock(&sku, units).is_ok(), came.is_some());
            }
            Step::WriteOff(sku, units) => {
                let gone = model.take(sku, units, |has| has.written_off += units);
                assert_eq!(shop.write_off(&sku, units).is_ok(), gone);
            }
            Step::Stocktake(sku, book, counted) => {
                let (found, missing) = (counted.saturating_sub(book), book.saturating_sub(counted));
                let done = model.take(sku, missing, |has| {
                    has.written_off += missing;
                    has.put(found);
                    has.came += found;
                });
                assert_eq!(shop.stocktake(&sku, book, counted).is_ok(), done);
            }
            Step::Move(from, to, units) => {
                let moved = model.skus.contains_key(&to)
                    && model.take(from, units, |has| has.moved_out += units);
                if moved {
                    let to = model.skus.get_mut(&to).unwrap();
                    to.put(units);
                    to.came += units;
                }
                assert_eq!(shop.move_units(&from, &to, units).is_ok(), moved);
            }
            Step::Order(lines) => match (shop.order(lines.clone()), model.order(&lines)) {
                (Ok(order), Ok(sums)) => open.push((order, sums)),
                (Err(refused), Err(expected)) => assert_eq!(kind(&refused), expected),
                other => panic!("{other:?}"),
            },
            Step::Commit(place) if place < open.len() => {
                let (order, lines) = open.swap_remove(place);
                order.commit();
                for (sku, units) in lines {
                    let has = model.skus.get_mut(&sku).unwrap();
                    has.reserved -= units;
                    has.sold += units;
                }
            }
            Step::Drop(place) if place < open.len() => {
                let (order, lines) = open.swap_remove(place);
                drop(order);
                for (sku, units) in lines {
                    let has = model.skus.get_mut(&sku).unwrap();
                    has.reserved -= units;
                    has.put(units);
                }
            }
            Step::CommitLine(place, sku) if place < open.len() => {
                let (order, lines) = &mut open[place];
                let units = lines.remove(&sku);
                assert_eq!(order.commit_line(&sku).is_ok(), units.is_some());
                if let (Some(units), Some(has)) = (units, model.skus.get_mut(&sku)) {
                    has.reserved -= units;
                    has.sold += units;
                }
            }
            Step::ReleasePart(place, sku, units) if place < open.len() => {
                let (order, lines) = &mut open[place];
                let released = take_part(lines, sku, units);
                assert_eq!(order.release_part(&sku, units).is_ok(), released);
                if let Some(has) = model.skus.get_mut(&sku).filter(|_| released) {
                    has.reserved -= units;
                    has.put(units);
                }
            }
            Step::Split(place, sku, units) if place < open.len() => {
                let (order, lines) = &mut open[place];
                let split = order.split([(sku, units)]);
                assert_eq!(split.is_ok(), take_part(lines, sku, units));
                if let Ok(split) = split {
                    let lines = BTreeMap::from_iter((units > 0).then_some((sku, units)));
                    open.push((split, lines));
                }
            }
            Step::Merge(one, other) if one.max(other) < open.len() && one != other => {
                let (right, theirs) = open.remove(one.max(other));
                let (left, mut lines) = open.remove(one.min(other));
                for (sku, units) in theirs {
                    *lines.entry(sku).or_default() += units;
                }
                open.push((left.merge(right).unwrap(), lines));
            }
            Step::ReserveUpTo(sku, units) => match shop.reserve_up_to(&sku, units) {
                Ok(reservation) => {
                    let has = model.skus.get_mut(&sku).unwrap();
                    let reserved = has.available.min(units);
                    assert_eq!(reservation.units(), reserved);
                    assert_eq!(shop.get(&sku).unwrap().reserved, has.reserved + reserved);
                    reservation.commit();
                    has.available -= reserved;
                    has.sold += reserved;
                }
                Err(error) => assert!(error.is_unknown_sku() && !model.skus.contains_key(&sku)),
            },
            Step::Commit(_) | Step::Drop(_) | Step::CommitLine(..) => {}
            Step::ReleasePart(..) | Step::Split(..) | Step::Merge(..) => {}
            Step::LowStock(sku, threshold) => {
                let set = model.skus.get_mut(&sku).map(|has| {
                    has.threshold = threshold;
                });
                assert_eq!(shop.set_low_stock(&sku, threshold).is_ok(), set.is_some());
            }
            Step::Withdraw(sku, units) => {
                let expected = model.skus.get_mut(&sku).map(|has| has.withdraw(units));
                let withdrawn = shop.withdraw(&sku, units).ok();
                assert_eq!(withdrawn.map(|it| (it.taken, it.owed)), expected);
            }
            Step::Forgive(sku, units) => {
                let expected = model.skus.get_mut(&sku).map(|has| has.forgive(units));
                assert_eq!(shop.forgive(&sku, units).ok(), expected);
            }
            Step::KeepAndOpen => keep_and_open(&shop, &model),
        }
        let low = shop.low_stock().map(|(sku, low)| (sku, low.available));
        assert_eq!(low.collect::<Vec<_>>(), model.low());
        for (order, lines) in &open {
            assert!(
                order
                    .lines()
                    .eq(lines.iter().map(|(sku, &units)| (sku, units)))
            );
        }
        assert_eq!(shop.len(), model.skus.len());
        for (sku, has) in &model.skus {
            check_figures(&shop, *sku, has);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_inventory_is_what_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        run(steps);
    }
}

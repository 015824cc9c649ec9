//! Random calls on an inventory, one after another, against a map from SKU to the sequential model of a stock.

use crate::support::perform::taken;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::inventory::{OrderRefused, OrderReservation, RemoveError, Shelf, SkuError};
use segstock::{Inventory, Reservation};
use segstock_model::Op::{
    self, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, ReserveUpTo, Restock, Withdraw,
};
use segstock_model::{Model, Outcome, Snapshot};
use std::collections::BTreeMap;

type Lines = Vec<(u8, u64)>;

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, u64),
    Remove(u8),
    Call(u8, Op),
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
    LowStock(u8, u64),
    KeepAndOpen,
}

fn step() -> impl Strategy<Value = Step> {
    let sku = || 0..5_u8;
    let units = || 0..6_u64;
    let lines = || prop::collection::vec((sku(), units()), 0..5);
    let call = prop_oneof![
        3 => units().prop_map(Deduct),
        1 => units().prop_map(DeductUpTo),
        2 => units().prop_map(Restock),
        2 => units().prop_map(Withdraw),
        1 => units().prop_map(Forgive),
        1 => units().prop_map(ReserveUpTo),
    ];
    prop_oneof![
        3 => (sku(), 0..12_u64).prop_map(|(sku, units)| Step::Insert(sku, units)),
        1 => sku().prop_map(Step::Remove),
        10 => (sku(), call).prop_map(|(sku, op)| Step::Call(sku, op)),
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
        2 => (sku(), units()).prop_map(|(sku, units)| Step::LowStock(sku, units)),
        1 => Just(Step::KeepAndOpen),
    ]
}

/// What a SKU has. To the model of its stock, units that are written off or moved are sold.
#[derive(Debug, Clone)]
struct Has {
    stock: Model,
    written_off: u64,
    moved_out: u64,
    threshold: u64,
}

impl Has {
    fn new(units: u64) -> Self {
        Self {
            stock: Model::new(units),
            written_off: 0,
            moved_out: 0,
            threshold: 0,
        }
    }

    fn available(&self) -> u64 {
        self.stock.snapshot().available
    }
}

/// The model: what each SKU has.
#[derive(Debug, Default)]
struct Skus {
    skus: BTreeMap<u8, Has>,
}

impl Skus {
    /// Whether there is such a SKU, and `op` is done with it; then `note` notes where the units went.
    fn does(&mut self, sku: u8, op: Op, note: impl Fn(&mut Has)) -> bool {
        let Some(has) = self.skus.get_mut(&sku) else {
            return false;
        };
        let done = has.stock.apply(op) == Outcome::Done;
        if done {
            note(has);
        }
        done
    }

    /// Reserves, commits or releases units of an order's line.
    fn settle(&mut self, sku: u8, op: Op) {
        assert!(self.does(sku, op, |_| {}), "{op} of {sku}");
    }

    fn low(&self) -> Vec<(u8, u64)> {
        let low = self
            .skus
            .iter()
            .filter(|(_, has)| has.available() < has.threshold);
        low.map(|(&sku, has)| (sku, has.available())).collect()
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
        let short = which(&|sku, units| self.skus[&sku].available() < units);
        if !short.is_empty() {
            return Err(("short", short));
        }
        for (&sku, &units) in &sums {
            self.settle(sku, Reserve(units));
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

type Reserved<'a> = Reservation<Shelf<&'a Inventory<u8>>>;

/// Calls `op` on a SKU, and keeps what it `reserved`; `None` if there is no such SKU.
fn perform<'a>(
    shop: &'a Inventory<u8>,
    sku: u8,
    op: Op,
    reserved: &mut Option<Reserved<'a>>,
) -> Option<Outcome> {
    Some(match op {
        Deduct(units) => match shop.deduct(&sku, units) {
            Err(SkuError::OutOfStock(refusal)) => taken(units, Err(refusal)),
            answer => answer.ok().map(|()| Outcome::Done)?,
        },
        DeductUpTo(units) => Outcome::UpTo(shop.deduct_up_to(&sku, units)?),
        ReserveUpTo(units) => match shop.reserve_up_to(&sku, units) {
            Ok(reservation) => Outcome::UpTo(reserved.insert(reservation).units()),
            Err(error) => {
                assert!(error.is_unknown_sku(), "{error}");
                return None;
            }
        },
        Restock(units) => shop.restock(&sku, units).ok().map(|()| Outcome::Done)?,
        Withdraw(units) => {
            let withdrawn = shop.withdraw(&sku, units).ok()?;
            assert_eq!(withdrawn.taken + withdrawn.owed, units);
            Outcome::UpTo(withdrawn.taken)
        }
        Forgive(units) => Outcome::UpTo(shop.forgive(&sku, units).ok()?),
        op => unreachable!("{op} is not drawn"),
    })
}

/// What was opened from a snapshot has nothing reserved.
fn keep_and_open(shop: &Inventory<u8>, model: &Skus) {
    let kept = shop.snapshot();
    let (again, restored) = Inventory::builder().restore(&kept).unwrap();
    assert_eq!(restored.skus, model.skus.len());
    let mut freed = 0;
    for (sku, has) in &model.skus {
        let mut opened = has.clone();
        let reserved = has.stock.snapshot().reserved;
        _ = opened.stock.apply(Release(reserved));
        freed += opened.available() - has.available();
        check_figures(&again, *sku, &opened);
        // What is still owed keeps those units from everybody.
        assert_eq!(again.restock(sku, 3), Ok(()));
        _ = opened.stock.apply(Restock(3));
        assert_eq!(again.available(sku), Some(opened.available()));
    }
    assert_eq!(restored.freed, freed);
}

#[track_caller]
fn check_figures(shop: &Inventory<u8>, sku: u8, has: &Has) {
    let snapshot = shop.get(&sku).unwrap();
    let sums = Snapshot {
        initial: snapshot.initial,
        restocked: snapshot.restocked,
        available: snapshot.available,
        reserved: snapshot.reserved,
        sold: snapshot.sold + snapshot.written_off + snapshot.moved_out,
        owed: snapshot.owed,
        withdrawn: snapshot.withdrawn,
    };
    assert_eq!(sums, has.stock.snapshot(), "{sku}");
    let gone = (snapshot.written_off, snapshot.moved_out);
    assert_eq!(gone, (has.written_off, has.moved_out), "{sku}");
    assert_eq!(snapshot.on_the_way, 0, "{sku}");
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
    let mut model = Skus::default();
    let mut open: Vec<(OrderReservation<_>, BTreeMap<u8, u64>)> = Vec::new();
    for step in steps {
        match step {
            Step::Insert(sku, units) => {
                let new = !model.skus.contains_key(&sku);
                assert_eq!(shop.insert(sku, units).is_ok(), new);
                model.skus.entry(sku).or_insert(Has::new(units));
            }
            Step::Remove(sku) => {
                let sums = model.skus.get(&sku).map(|has| has.stock.snapshot());
                match (shop.remove(&sku), sums) {
                    (Err(RemoveError::UnknownSku), None) => {}
                    (Err(RemoveError::Reserved { units }), Some(sums)) => {
                        assert_eq!((units, units > 0), (sums.reserved, true));
                    }
                    (Ok(last), Some(sums)) => {
                        let has = model.skus.remove(&sku).unwrap();
                        let sold = sums.sold - has.written_off - has.moved_out;
                        assert_eq!((last.available, last.sold), (sums.available, sold));
                        assert_eq!(sums.reserved, 0);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Call(sku, op) => {
                let mut reserved = None;
                match (
                    perform(&shop, sku, op, &mut reserved),
                    model.skus.get_mut(&sku),
                ) {
                    (None, None) => {}
                    (Some(outcome), Some(has)) => {
                        let after = has.stock.step(op, outcome);
                        has.stock = after.unwrap_or_else(|| panic!("{op} is answered {outcome}"));
                        check_figures(&shop, sku, has);
                        if let Some(reservation) = reserved {
                            _ = has.stock.apply(Commit(reservation.units()));
                            reservation.commit();
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::WriteOff(sku, units) => {
                let gone = model.does(sku, Deduct(units), |has| has.written_off += units);
                assert_eq!(shop.write_off(&sku, units).is_ok(), gone);
            }
            Step::Stocktake(sku, book, counted) => {
                let (found, missing) = (counted.saturating_sub(book), book.saturating_sub(counted));
                let done = model.does(sku, Deduct(missing), |has| has.written_off += missing)
                    && model.does(sku, Restock(found), |_| {});
                assert_eq!(shop.stocktake(&sku, book, counted).is_ok(), done);
            }
            Step::Move(from, to, units) => {
                let moved = model.skus.contains_key(&to)
                    && model.does(from, Deduct(units), |has| has.moved_out += units)
                    && model.does(to, Restock(units), |_| {});
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
                    model.settle(sku, Commit(units));
                }
            }
            Step::Drop(place) if place < open.len() => {
                let (order, lines) = open.swap_remove(place);
                drop(order);
                for (sku, units) in lines {
                    model.settle(sku, Release(units));
                }
            }
            Step::CommitLine(place, sku) if place < open.len() => {
                let (order, lines) = &mut open[place];
                let units = lines.remove(&sku);
                assert_eq!(order.commit_line(&sku).is_ok(), units.is_some());
                if let Some(units) = units {
                    model.settle(sku, Commit(units));
                }
            }
            Step::ReleasePart(place, sku, units) if place < open.len() => {
                let (order, lines) = &mut open[place];
                let released = take_part(lines, sku, units);
                assert_eq!(order.release_part(&sku, units).is_ok(), released);
                if released && units > 0 {
                    model.settle(sku, Release(units));
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
            Step::Commit(_) | Step::Drop(_) | Step::CommitLine(..) => {}
            Step::ReleasePart(..) | Step::Split(..) | Step::Merge(..) => {}
            Step::LowStock(sku, threshold) => {
                let set = model.skus.get_mut(&sku).map(|has| {
                    has.threshold = threshold;
                });
                assert_eq!(shop.set_low_stock(&sku, threshold).is_ok(), set.is_some());
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

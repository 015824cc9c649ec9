//! The hook: called once before each change, whichever call causes it; and its marks.

use super::*;
use segstock::{Amendment, Change, Declined, Hook, PartError};
use std::sync::Mutex;

type Seats<'a> = Reservation<&'a Stock>;

/// Writes each change, and marks the key with the number of the entry. Declines what its user names.
#[derive(Default)]
struct Log {
    entries: Mutex<Vec<String>>,
    declines: Mutex<Option<&'static str>>,
    panics: Mutex<Option<&'static str>>,
}

impl Log {
    fn declines(&self, what: impl Into<Option<&'static str>>) {
        *self.declines.lock().unwrap() = what.into();
    }

    /// What was written since the last look.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.entries.lock().unwrap())
    }
}

impl<'a> Hook<u64, Seats<'a>, u64> for Log {
    type Mark = u64;

    fn before(
        &self,
        key: &u64,
        request: &u64,
        change: &Change<'_, Seats<'a>, u64>,
    ) -> Result<u64, Declined> {
        let (name, entry) = match change {
            Change::Placed { hold, remaining } => {
                ("placed", format!("{} for {remaining:?}", hold.units()))
            }
            Change::Confirmed { hold, retaken } => {
                let again = if *retaken { " retaken" } else { "" };
                ("confirmed", format!("{}{again}", hold.units()))
            }
            Change::Released { hold } => ("released", hold.units().to_string()),
            Change::Expired { hold } => ("expired", hold.units().to_string()),
            Change::Extended { hold, remaining } => {
                ("extended", format!("{} for {remaining:?}", hold.units()))
            }
            Change::Amended {
                to,
                kept,
                taken,
                given,
            } => {
                let [taken, given] = [taken, given].map(|part| part.map_or(0, Reservation::units));
                (
                    "amended",
                    format!("to {to}: {} + {taken} - {given}", kept.units()),
                )
            }
            Change::PartConfirmed { part, rest } => (
                "part",
                format!("confirmed {} of {}", part.units(), rest.units()),
            ),
            Change::PartReleased { part, rest } => (
                "part",
                format!("released {} of {}", part.units(), rest.units()),
            ),
            _ => panic!("an unknown change"),
        };
        if *self.panics.lock().unwrap() == Some(name) {
            std::panic::resume_unwind(Box::new("a hook"));
        }
        if *self.declines.lock().unwrap() == Some(name) {
            return Err(Declined);
        }
        let mut entries = self.entries.lock().unwrap();
        entries.push(format!("{key}({request}) {name} {entry}"));
        Ok(entries.len() as u64)
    }
}

type Logged<'a> = Holds<u64, Seats<'a>, u64, &'a ManualClock, std::hash::RandomState, &'a Log>;

fn logged<'a>(clock: &'a ManualClock, log: &'a Log) -> Logged<'a> {
    let builder = Holds::builder().clock(clock).retention(RETENTION);
    builder.hook(log).shards(1).build()
}

fn put<'a>(
    holds: &Logged<'a>,
    stock: &'a Stock,
    key: u64,
    units: u64,
) -> Result<Placed, PlaceError<OutOfStock>> {
    holds.place(key, units, MINUTE, |&units| stock.reserve(units))
}

#[test]
fn the_hook_is_called_once_for_each_change_before_it_shows() {
    let (stock, clock, log) = (Stock::new(10), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    held(put(&holds, &stock, 1, 3).unwrap());
    held(put(&holds, &stock, 1, 3).unwrap());
    assert_eq!(log.take(), ["1(3) placed 3 for 60s"]);
    _ = holds.extend(&1, MINUTE * 2).unwrap();
    let amended = holds.amend(&1, 5, |_, _| stock.reserve(2).map(Amendment::take));
    assert!(amended.is_ok());
    let amended = holds.amend(&1, 4, |_, _| Ok::<_, OutOfStock>(Amendment::give(1)));
    assert!(amended.is_ok());
    assert!(holds.confirm_part(&1, &2).is_ok());
    assert!(holds.release_part(&1, &1).is_ok());
    assert_eq!(holds.confirm(&1), Ok(Settled::Now));
    assert_eq!(holds.confirm(&1), Ok(Settled::Before));
    let entries = [
        "1(3) extended 3 for 120s",
        "1(3) amended to 5: 3 + 2 - 0",
        "1(5) amended to 4: 4 + 0 - 1",
        "1(4) part confirmed 2 of 2",
        "1(4) part released 1 of 1",
        "1(4) confirmed 1",
    ];
    assert_eq!(log.take(), entries);

    held(put(&holds, &stock, 2, 1).unwrap());
    assert_eq!(holds.release(&2), Ok(Settled::Now));
    assert_eq!(holds.release(&2), Ok(Settled::Before));
    assert_eq!(log.take(), ["2(1) placed 1 for 60s", "2(1) released 1"]);
    assert_eq!(holds.hook().take(), Vec::<String>::new());
}

#[test]
fn the_hook_is_called_for_an_expiry_whichever_call_causes_it() {
    let (stock, clock, log) = (Stock::new(10), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    for key in 1..=8 {
        held(put(&holds, &stock, key, 1).unwrap());
    }
    log.take();
    clock.advance(MINUTE);
    assert_eq!(holds.confirm(&8), Err(HoldError::Expired));
    let mut entries = log.take();
    assert_eq!(entries.remove(0), "8(1) expired 1");
    assert_eq!(entries.len(), 2, "it frees two more");
    held(put(&holds, &stock, 9, 10).unwrap());
    assert_eq!(holds.sweep(9), 0);
    entries.extend(log.take());
    entries.retain(|entry| entry.ends_with("expired 1"));
    entries.sort_unstable();
    let rest: Vec<_> = (1..8).map(|key| format!("{key}(1) expired 1")).collect();
    assert_eq!(entries, rest, "each once");
    let late = holds.confirm_or_retake(&3, |_, units| stock.reserve(units));
    assert!(matches!(late, Err(RetakeError::Refused(_))));
    assert_eq!(holds.release(&9), Ok(Settled::Now));
    let late = holds.confirm_or_retake(&3, |_, units| stock.reserve(units));
    assert_eq!(late, Ok(Settled::Now));
    assert_eq!(
        log.take(),
        ["9(10) released 10", "3(1) confirmed 1 retaken"]
    );
}

#[test]
fn after_a_no_nothing_has_changed() {
    let (stock, clock, log) = (Stock::new(10), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    log.declines("placed");
    assert_eq!(put(&holds, &stock, 1, 3), Err(PlaceError::Declined));
    assert_eq!((figures(&stock), holds.known()), ((10, 0, 0), 0));
    log.declines(None);
    held(put(&holds, &stock, 1, 3).unwrap());

    log.declines("confirmed");
    assert_eq!(holds.confirm(&1), Err(HoldError::Declined));
    log.declines("released");
    assert_eq!(holds.release(&1), Err(HoldError::Declined));
    log.declines("extended");
    assert_eq!(holds.extend(&1, MINUTE * 9), Err(HoldError::Declined));
    log.declines("amended");
    let declined = Err(segstock::AmendError::Hold(HoldError::Declined));
    let more = holds.amend(&1, 5, |_, _| stock.reserve(2).map(Amendment::take));
    assert_eq!(more, declined);
    let less = holds.amend(&1, 2, |_, _| Ok::<_, OutOfStock>(Amendment::give(1)));
    assert_eq!(less, declined);
    log.declines("part");
    let declined = Err(PartError::Hold(HoldError::Declined));
    assert_eq!(holds.confirm_part(&1, &1), declined);
    assert_eq!(holds.release_part(&1, &1), declined);
    let known = Status::Held {
        held: Held::new(3, MINUTE),
        request: 3,
    };
    assert_eq!(holds.get(&1), Some(known));
    assert_eq!((figures(&stock), holds.units()), ((7, 3, 0), 3));
    assert_eq!(log.take(), ["1(3) placed 3 for 60s"]);
}

/// The hold stays, and a call that is short because of it answers busy.
#[test]
fn a_declined_expiry_makes_a_short_place_busy() {
    let (stock, clock, log) = (Stock::new(3), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    held(put(&holds, &stock, 1, 2).unwrap());
    clock.advance(MINUTE);
    log.declines("expired");
    let short = put(&holds, &stock, 2, 2);
    assert!(matches!(short, Err(PlaceError::Busy(refusal)) if refusal.available == 1));
    assert_eq!(holds.confirm(&1), Err(HoldError::Overdue));
    assert_eq!(holds.release(&1), Err(HoldError::Overdue));
    assert_eq!(holds.expire(&1), Err(HoldError::Declined));
    assert_eq!(put(&holds, &stock, 1, 2), Err(PlaceError::Overdue));
    let overdue = Status::Overdue {
        units: 2,
        request: 2,
    };
    assert_eq!(holds.get(&1), Some(overdue));
    assert_eq!((holds.sweep(9), holds.len()), (0, 0));
    assert_eq!(figures(&stock), (1, 2, 0));
    // What is in stock is had.
    held(put(&holds, &stock, 3, 1).unwrap());
    log.declines(None);
    held(put(&holds, &stock, 2, 2).unwrap());
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(holds.expire(&1), Ok(Settled::Before));
}

/// A hold that the hook declines to free does not keep others from being freed.
#[test]
fn others_expire_beside_a_hold_whose_expiry_is_declined() {
    struct NotTheFirst;

    impl Hook<u64, Seats<'_>, u64> for NotTheFirst {
        type Mark = ();

        fn before(
            &self,
            key: &u64,
            _: &u64,
            change: &Change<'_, Seats<'_>, u64>,
        ) -> Result<(), Declined> {
            match change {
                Change::Expired { .. } if *key == 0 => Err(Declined),
                _ => Ok(()),
            }
        }
    }

    let (stock, clock) = (Stock::new(10), ManualClock::new());
    let builder = Holds::builder().clock(&clock).hook(NotTheFirst);
    let holds = builder.shards(1).build();
    for key in 0..10 {
        let placed = holds.place(key, 1, MINUTE, |&units| stock.reserve(units));
        assert!(placed.is_ok());
    }
    clock.advance(MINUTE);
    assert_eq!((holds.sweep(100), figures(&stock)), (9, (9, 1, 0)));
    let served = holds.place(10, 9, MINUTE, |&units| stock.reserve(units));
    assert!(served.is_ok());
}

#[test]
fn a_declined_retake_stays_expired() {
    let (stock, clock, log) = (Stock::new(3), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    held(put(&holds, &stock, 1, 2).unwrap());
    clock.advance(MINUTE);
    assert_eq!(holds.sweep(1), 1);
    log.declines("confirmed");
    let late = holds.confirm_or_retake(&1, |_, units| stock.reserve(units));
    assert_eq!(late, Err(RetakeError::Hold(HoldError::Declined)));
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(figures(&stock), (3, 0, 0));
}

#[test]
fn the_mark_stays_with_the_key_and_comes_with_every_answer() {
    let (stock, clock, log) = (Stock::new(3), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    let detailed = holds.detailed();
    let place = |key, units| detailed.place(key, units, MINUTE, |&units| stock.reserve(units));
    assert_eq!(place(1, 1).mark, Some(1));
    assert_eq!(place(2, 1).mark, Some(2));
    // A retry, a conflict, a look.
    assert_eq!(place(1, 1).mark, Some(1));
    let conflict = place(1, 2);
    assert_eq!(
        (conflict.answer, conflict.mark),
        (Err(PlaceError::Conflict), Some(1))
    );
    assert_eq!(detailed.get(&2).mark, Some(2));
    assert_eq!(detailed.extend(&2, MINUTE).mark, Some(3));
    // A change that is declined, and a refusal.
    log.declines("confirmed");
    assert_eq!(detailed.confirm(&2).mark, Some(3));
    log.declines(None);
    let refused = place(3, 2);
    assert!(refused.answer.unwrap_err().is_refused());
    assert_eq!(refused.mark, None);
    // Settled, and settled before.
    assert_eq!(detailed.confirm(&2).mark, Some(4));
    let release = detailed.release(&2);
    assert_eq!(
        (release.answer, release.mark),
        (Err(HoldError::Confirmed), Some(4))
    );
    // Expired by this call.
    clock.advance(MINUTE);
    let late = detailed.confirm(&1);
    assert_eq!((late.answer, late.mark), (Err(HoldError::Expired), Some(5)));
    assert_eq!(late.expired, [1]);
    let refused = detailed.confirm_or_retake(&1, |_, _| stock.reserve(9));
    assert_eq!(refused.mark, Some(5));
    let retaken = detailed.confirm_or_retake(&1, |_, units| stock.reserve(units));
    assert_eq!((retaken.answer, retaken.mark), (Ok(Settled::Now), Some(6)));
    assert_eq!(detailed.confirm(&7).mark, None);
    assert_eq!(detailed.forget(&1).mark, Some(6));
}

#[test]
fn after_a_panic_of_the_hook_nothing_has_changed() {
    let (stock, clock, log) = (Stock::new(10), ManualClock::new(), Log::default());
    let holds = logged(&clock, &log);
    let panics = |what, call: &dyn Fn()| {
        *log.panics.lock().unwrap() = Some(what);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err(), "{what}");
        *log.panics.lock().unwrap() = None;
    };
    panics("placed", &|| _ = put(&holds, &stock, 1, 3));
    assert_eq!((figures(&stock), holds.known()), ((10, 0, 0), 0));
    held(put(&holds, &stock, 1, 3).unwrap());
    panics("confirmed", &|| _ = holds.confirm(&1));
    panics("extended", &|| _ = holds.extend(&1, MINUTE * 9));
    panics("part", &|| _ = holds.release_part(&1, &1));
    panics("amended", &|| {
        _ = holds.amend(&1, 2, |_, _| Ok::<_, OutOfStock>(Amendment::give(1)));
    });
    panics("amended", &|| {
        _ = holds.amend(&1, 4, |_, _| stock.reserve(1).map(Amendment::take));
    });
    assert_eq!((figures(&stock), holds.units()), ((7, 3, 0), 3));
    clock.advance(MINUTE);
    panics("expired", &|| _ = holds.sweep(9));
    assert_eq!((figures(&stock), holds.sweep(9)), ((7, 3, 0), 1));
    panics("confirmed", &|| {
        _ = holds.confirm_or_retake(&1, |_, units| stock.reserve(units));
    });
    assert_eq!(holds.confirm(&1), Err(HoldError::Expired));
    assert_eq!(figures(&stock), (10, 0, 0));
}

#[test]
fn expiry_that_is_left_to_its_owner() {
    let (stock, clock) = (Stock::new(4), ManualClock::new());
    let builder = Holds::builder().clock(&clock).retention(RETENTION);
    let holds: Till<'_, Stock> = builder.expiry_by_owner().shards(4).build();
    for key in 1..=4 {
        held(place(&holds, &stock, key, 1).unwrap());
    }
    assert_eq!(holds.expire(&1), Err(HoldError::Held));
    clock.advance(MINUTE);
    assert_eq!(holds.confirm(&1), Err(HoldError::Overdue));
    assert_eq!(holds.release(&1), Err(HoldError::Overdue));
    assert_eq!(holds.extend(&1, MINUTE), Err(HoldError::Overdue));
    assert_eq!(holds.forget(&1), Err(HoldError::Overdue));
    assert_eq!(
        holds.release_part(&1, &1),
        Err(PartError::Hold(HoldError::Overdue))
    );
    assert_eq!(place(&holds, &stock, 1, 1), Err(PlaceError::Overdue));
    assert!(matches!(
        holds.get(&1),
        Some(Status::Overdue { units: 1, .. })
    ));
    let short = place(&holds, &stock, 9, 1);
    assert!(matches!(short, Err(PlaceError::Busy(_))), "{short:?}");
    assert_eq!(
        (figures(&stock), holds.expired(), holds.len()),
        ((0, 4, 0), 0, 0)
    );
    // A late payment says that it may be late.
    let late = holds.confirm_or_retake(&1, |_, units| stock.reserve(units));
    assert_eq!(late, Ok(Settled::Now));

    assert_eq!(holds.expire(&2), Ok(Settled::Now));
    assert_eq!(holds.expire(&2), Ok(Settled::Before));
    assert_eq!(holds.confirm(&2), Err(HoldError::Expired));
    assert_eq!(holds.detailed().sweep(1).expired.len(), 1);
    assert_eq!((holds.sweep(9), figures(&stock)), (1, (3, 0, 1)));
    held(place(&holds, &stock, 9, 3).unwrap());
    assert!(place(&holds, &stock, 10, 1).unwrap_err().is_refused());
}

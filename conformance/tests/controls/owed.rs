//! Units that are withdrawn while they are out: what comes back pays them first.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// What comes back is in stock, though units are owed.
    SellsWhatIsOwed,
    /// Says that all was forgiven that it was asked to.
    ForgivesTooMuch,
    /// Looks at what there is, and takes it later.
    LooksFirst,
    /// Owes also what it took.
    OwesAll,
}

struct Owing {
    /// In stock, and owed.
    units: Mutex<(u64, u64)>,
    mistake: Mistake,
}

impl Owing {
    fn open(mistake: Mistake) -> impl Fn(u64, usize) -> Self {
        move |units, _| Self {
            units: Mutex::new((units, 0)),
            mistake,
        }
    }
}

impl Subject for Owing {
    fn deduct(&self, units: u64) -> Answer {
        let left = &mut self.units.lock().unwrap().0;
        let is_enough = *left >= units;
        *left -= if is_enough { units } else { 0 };
        is_enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let (left, owed) = &mut *self.units.lock().unwrap();
        let paid = match self.mistake {
            Mistake::SellsWhatIsOwed => 0,
            _ => units.min(*owed),
        };
        let Some(more) = left.checked_add(units - paid) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        *owed -= paid;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.units.lock().unwrap().0)
    }

    fn withdraw(&self, units: u64) -> Option<Answer<u64>> {
        let mut all = self.units.lock().unwrap();
        let taken = units.min(all.0);
        if self.mistake == Mistake::LooksFirst {
            drop(all);
            Std::linger();
            all = self.units.lock().unwrap();
        }
        all.0 = all.0.saturating_sub(taken);
        all.1 += match self.mistake {
            Mistake::OwesAll => units,
            _ => units - taken,
        };
        Some(Answer::Done(taken))
    }

    fn forgive(&self, units: u64) -> Option<Answer<u64>> {
        let owed = &mut self.units.lock().unwrap().1;
        let forgiven = units.min(*owed);
        *owed -= forgiven;
        Some(Answer::Done(match self.mistake {
            Mistake::ForgivesTooMuch => units,
            _ => forgiven,
        }))
    }
}

#[test]
fn what_is_owed_without_a_mistake_passes() {
    let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
    let report = options.check(Owing::open(Mistake::None));
    println!("{report}");
    report.assert_kept();
    let has = |kind: &str| report.overlaps.iter().any(|(pair, _)| pair.contains(&kind));
    assert!(has("withdraw") && has("forgive"), "both raced with others");
}

#[test]
fn mistakes_about_what_is_owed_are_found() {
    for (mistake, told) in [
        (Mistake::SellsWhatIsOwed, "withdraw("),
        (Mistake::ForgivesTooMuch, "forgive("),
        (Mistake::LooksFirst, "withdraw("),
        // Units are missing later, whatever the withdraw was.
        (Mistake::OwesAll, ""),
    ] {
        println!("{mistake:?}");
        let report = caught(Owing::open(mistake), &[Linearizable], &[ManyThreads]);
        let words = &report.evidence(Linearizable).unwrap().words;
        assert!(words.contains(told), "{mistake:?}: {words}");
        assert!(!report.broken().contains(&NeverOversold), "{mistake:?}");
    }
}

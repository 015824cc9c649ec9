//! Reservations of as many units as there are.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// Looks at the two segments one after the other and takes what it sees. It does not prove that this was all.
    TakesWithoutProof,
    /// Takes units and does not count them as reserved.
    CountsNoneAsReserved,
    /// Looks at what there is, and takes it later.
    LooksFirst,
}

/// Two segments, exact in all but the mistake. What is restocked or released goes to the first, and is taken from the
/// second first, so that units can pass by a look at both.
struct TwoSegments {
    figures: Mutex<Figures>,
    initial: u64,
    mistake: Mistake,
}

#[derive(Clone, Copy, Default)]
struct Figures {
    segments: [u64; 2],
    restocked: u64,
    reserved: u64,
}

impl Figures {
    const fn sum(&self) -> u64 {
        self.segments[0] + self.segments[1]
    }

    /// Takes at most `units`, and says how many.
    fn take(&mut self, units: u64) -> u64 {
        let second = units.min(self.segments[1]);
        let first = (units - second).min(self.segments[0]);
        self.segments = [self.segments[0] - first, self.segments[1] - second];
        first + second
    }

    fn put(&mut self, units: u64) {
        self.segments[0] += units;
    }
}

impl TwoSegments {
    fn open(mistake: Mistake) -> impl Fn(u64, usize) -> Self {
        move |units, _| Self {
            figures: Mutex::new(Figures {
                segments: [units / 2, units - units / 2],
                ..Figures::default()
            }),
            initial: units,
            mistake,
        }
    }

    fn take_all(&self, units: u64, reserves: bool) -> Answer {
        let figures = &mut *self.figures.lock().unwrap();
        let is_enough = figures.sum() >= units;
        if is_enough {
            figures.take(units);
            figures.reserved += if reserves { units } else { 0 };
        }
        is_enough.into()
    }

    /// Settles `units`, of which `back` are in stock again.
    fn settle(&self, units: u64, back: u64) -> Answer {
        let mut figures = self.figures.lock().unwrap();
        figures.reserved = figures.reserved.saturating_sub(units);
        figures.put(back);
        Answer::Done(())
    }
}

impl Subject for TwoSegments {
    fn deduct(&self, units: u64) -> Answer {
        self.take_all(units, false)
    }

    fn restock(&self, units: u64) -> Answer {
        let mut figures = self.figures.lock().unwrap();
        if figures.sum().saturating_add(units) > MAX {
            return Answer::OVERFLOW;
        }
        figures.put(units);
        figures.restocked += units;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.figures.lock().unwrap().sum())
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        let figures = *self.figures.lock().unwrap();
        let (available, reserved) = (figures.sum(), figures.reserved);
        let came = self.initial + figures.restocked;
        Some(Answer::Done(Snapshot {
            initial: self.initial,
            restocked: figures.restocked,
            available,
            reserved,
            sold: came - available - reserved,
            ..Snapshot::default()
        }))
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        Some(self.take_all(units, true))
    }

    fn reserve_up_to(&self, units: u64) -> Option<Answer<u64>> {
        let mut figures = self.figures.lock().unwrap();
        let taken = match self.mistake {
            Mistake::TakesWithoutProof => {
                let first = units.min(figures.segments[0]);
                figures.segments[0] -= first;
                drop(figures);
                Std::linger();
                figures = self.figures.lock().unwrap();
                let second = (units - first).min(figures.segments[1]);
                figures.segments[1] -= second;
                first + second
            }
            Mistake::LooksFirst => {
                let seen = figures.sum();
                drop(figures);
                Std::linger();
                figures = self.figures.lock().unwrap();
                figures.take(units.min(seen))
            }
            _ => figures.take(units),
        };
        if self.mistake != Mistake::CountsNoneAsReserved {
            figures.reserved += taken;
        }
        Some(Answer::Done(taken))
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        Some(self.settle(units, 0))
    }

    fn release(&self, units: u64) -> Option<Answer> {
        Some(self.settle(units, units))
    }
}

#[test]
fn reserve_up_to_without_a_mistake_passes() {
    let options = Options::new().limit(MAX).directory(DIRECTORY);
    let report = options.check(TwoSegments::open(Mistake::None));
    println!("{report}");
    report.assert_kept();
    let has = |kind: &str| report.overlaps.iter().any(|(pair, _)| pair.contains(&kind));
    assert!(has("reserve_up_to"), "it raced with others");
}

#[test]
fn mistakes_of_reserve_up_to_are_found() {
    for mistake in [
        Mistake::TakesWithoutProof,
        Mistake::CountsNoneAsReserved,
        Mistake::LooksFirst,
    ] {
        println!("{mistake:?}");
        _ = caught_up_to(
            MAX,
            TwoSegments::open(mistake),
            &[Linearizable],
            &[ManyThreads],
        );
    }
}

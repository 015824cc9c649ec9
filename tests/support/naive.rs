//! Counters that are wrong, each in a way that people have shipped: a checker that does not catch
//! them is no checker.

use super::sync::{AtomicU64, Guard, Mutex, Ordering, fence, linger};
use segstock::{OutOfStock, RestockOverflow, StockCounter};

/// What those that are wrong in their refusals only can count to.
pub const MOST: u64 = 1 << 40;

fn overflow(on_hand: u64, units: u64) -> Result<(), RestockOverflow> {
    if on_hand.saturating_add(units) > MOST {
        return Err(RestockOverflow::new(units, on_hand));
    }
    Ok(())
}

/// Reads, checks, writes: two orders can be sold the same units.
pub struct ReadCheckWrite(AtomicU64);

impl ReadCheckWrite {
    pub fn new(units: u64) -> Self {
        Self(AtomicU64::new(units))
    }

    /// Runs an order flow between the check and the write.
    pub fn deduct_with(&self, units: u64, flow: impl FnOnce()) -> Result<(), OutOfStock> {
        let left = self.0.load(Ordering::SeqCst);
        if left < units {
            return Err(OutOfStock::new(units, left));
        }
        flow();
        self.0.store(left - units, Ordering::SeqCst);
        Ok(())
    }
}

impl StockCounter for ReadCheckWrite {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.deduct_with(units, || {})
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.0.fetch_add(units, Ordering::SeqCst);
        Ok(())
    }

    fn available(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Decrements, looks, and undoes: meanwhile others see less than there is, and are refused.
pub struct DecrementLookUndo(AtomicU64);

impl DecrementLookUndo {
    pub fn new(units: u64) -> Self {
        Self(AtomicU64::new(units))
    }
}

impl StockCounter for DecrementLookUndo {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        if units > MOST {
            return Err(OutOfStock::new(units, MOST));
        }
        let left = self.0.fetch_sub(units, Ordering::SeqCst) as i64;
        if left < units as i64 {
            linger();
            self.0.fetch_add(units, Ordering::SeqCst);
            return Err(OutOfStock::new(units, left.max(0) as u64));
        }
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        overflow(self.available(), units)?;
        self.0.fetch_add(units, Ordering::SeqCst);
        Ok(())
    }

    fn available(&self) -> u64 {
        (self.0.load(Ordering::SeqCst) as i64).max(0) as u64
    }
}

/// Two segments, looked at one after another: units that move behind its back are missed.
pub struct Scan {
    segments: [Mutex<u64>; 2],
    /// Scans begin at the one and at the other.
    turn: AtomicU64,
}

impl Scan {
    pub fn new(units: u64) -> Self {
        Self {
            segments: [Mutex::new(0), Mutex::new(units)],
            turn: AtomicU64::new(0),
        }
    }

    fn both(&self) -> [Guard<'_, u64>; 2] {
        [self.segments[0].lock(), self.segments[1].lock()]
    }
}

impl StockCounter for Scan {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let mut seen = 0;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
        for segment in [turn, turn + 1] {
            let mut left = self.segments[segment % 2].lock();
            if *left >= units {
                *left -= units;
                return Ok(());
            }
            seen += *left;
            drop(left);
            linger();
        }
        // A sum of no instant.
        if seen < units {
            return Err(OutOfStock::new(units, seen));
        }
        let [mut first, mut second] = self.both();
        if *first + *second < units {
            return Err(OutOfStock::new(units, *first + *second));
        }
        let part = units.min(*first);
        *first -= part;
        *second -= units - part;
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let [mut first, mut second] = self.both();
        overflow(*first + *second, units)?;
        // Where fewer are.
        let fewer = if *first <= *second {
            &mut first
        } else {
            &mut second
        };
        **fewer += units;
        Ok(())
    }

    fn available(&self) -> u64 {
        self.both().iter().map(|left| **left).sum()
    }
}

/// Two segments of growing counters, refusals proved in one pass, and a gather that does not
/// announce what it has in hand: to the proof of another, those units are gone.
pub struct SilentGather {
    segments: [[AtomicU64; 2]; 2],
    moves: Mutex<()>,
}

impl SilentGather {
    pub fn new(units: u64) -> Self {
        let segment = |units| [AtomicU64::new(0), AtomicU64::new(units)];
        Self {
            segments: [segment(units - units / 2), segment(units / 2)],
            moves: Mutex::new(()),
        }
    }

    fn take_up_to([taken, added]: &[AtomicU64; 2], units: u64) -> u64 {
        let mut seen = taken.load(Ordering::Acquire);
        loop {
            let part = (added.load(Ordering::Acquire) - seen).min(units);
            let next = seen + part;
            match taken.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return part,
                Err(other) => seen = other,
            }
        }
    }
}

impl StockCounter for SilentGather {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        loop {
            let bound = self.available();
            if bound < units {
                return Err(OutOfStock::new(units, bound));
            }
            linger();
            let _moving = self.moves.lock();
            let mut in_hand = 0;
            for segment in &self.segments {
                in_hand += Self::take_up_to(segment, units - in_hand);
            }
            if in_hand == units {
                return Ok(());
            }
            linger();
            let bound = self.available() + in_hand;
            self.segments[0][1].fetch_add(in_hand, Ordering::AcqRel);
            if bound < units {
                return Err(OutOfStock::new(units, bound));
            }
        }
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        overflow(self.available(), units)?;
        self.segments[0][1].fetch_add(units, Ordering::AcqRel);
        Ok(())
    }

    fn available(&self) -> u64 {
        let sum = |of: usize| {
            let counters = self.segments.iter().map(|segment| &segment[of]);
            counters
                .map(|counter| counter.load(Ordering::Acquire))
                .sum::<u64>()
        };
        let taken = sum(0);
        fence(Ordering::SeqCst);
        sum(1) - taken
    }
}

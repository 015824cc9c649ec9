//! Counters that are wrong, each in a way that people have shipped: a checker that does not catch
//! them is no checker.

use super::sync::{AtomicU64, Mutex, Ordering, fence, linger};
use segstock::{OutOfStock, RestockOverflow, StockCounter};

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
        let left = self.0.fetch_sub(units, Ordering::SeqCst) as i64;
        if left < units as i64 {
            linger();
            self.0.fetch_add(units, Ordering::SeqCst);
            return Err(OutOfStock::new(units, left.max(0) as u64));
        }
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.0.fetch_add(units, Ordering::SeqCst);
        Ok(())
    }

    fn available(&self) -> u64 {
        (self.0.load(Ordering::SeqCst) as i64).max(0) as u64
    }
}

/// Two segments, looked at one after another: units that come behind its back are missed.
pub struct Scan([Mutex<u64>; 2]);

impl Scan {
    pub fn new(units: u64) -> Self {
        Self([Mutex::new(0), Mutex::new(units)])
    }
}

impl StockCounter for Scan {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let mut seen = 0;
        for segment in &self.0 {
            let mut left = segment.lock();
            if *left >= units {
                *left -= units;
                return Ok(());
            }
            seen += *left;
        }
        // Even a scan that would gather stops here: what it saw does not suffice.
        Err(OutOfStock::new(units, seen.min(units - 1)))
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        *self.0[0].lock() += units;
        Ok(())
    }

    fn available(&self) -> u64 {
        self.0.iter().map(|segment| *segment.lock()).sum()
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
        // The rest came back meanwhile; this control is about refusals.
        Err(OutOfStock::new(units, units - 1))
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
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

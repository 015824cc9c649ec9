//! [`Engine`]: the counter itself, and what is read of it.

use super::segment::Segment;
use super::stats::Stats;
use super::stripes::Stripes;
use super::sums::Sums;
use super::tuning::Tuning;
use super::word::{Word, WordCell};
use crate::limits::MAX_UNITS;
use crate::sync::{Mutex, OnceLock, const_unless_loom, parallelism};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// What a [`Stock`](crate::Stock) is, but for the cache line of its own.
///
/// In an inventory it lies beside its key: a million of them aligned would be twice as large, and an
/// allocation that is aligned takes longer than all the rest of opening a SKU.
///
/// Calls write `word` often, and read `stripes` each time. These two fields are bytes 8 to 39 of the engine. A neighbour's
/// word must not share a cache line with them. Behind a key of eight bytes an allocation has 80 bytes and begins at a
/// multiple of 16, and that is far enough; behind longer keys neighbours are further apart.
#[repr(C)]
pub(crate) struct Engine {
    pub(super) initial: u64,
    pub(super) word: WordCell,
    /// Set once, before the word is first wide.
    pub(super) stripes: OnceLock<Stripes>,
    /// The cold mutex: one move at a time.
    pub(super) sums: Mutex<Sums>,
    pub(super) tuning: Tuning,
}

impl Engine {
    const_unless_loom! {
        /// With `units` in stock, which are no more than a stock holds.
        pub(crate) const fn new(units: u64) -> Self {
            Self::with_tuning(units, Tuning::DEFAULT)
        }
    }

    const_unless_loom! {
        pub(super) const fn with_tuning(units: u64, tuning: Tuning) -> Self {
            Self {
                initial: units,
                word: WordCell::new(Word::narrow(units)),
                stripes: OnceLock::new(),
                sums: Mutex::new(Sums::new(0)),
                tuning,
            }
        }
    }

    /// A stock that was opened with `initial` units, got `restocked` since and has `available`.
    #[cfg(feature = "inventory")]
    pub(crate) fn restored(initial: u64, restocked: u64, available: u64) -> Self {
        let mut engine = Self::new(available);
        engine.initial = initial;
        *engine.sums.get_mut() = Sums::new(restocked);
        engine
    }

    #[inline]
    pub(crate) fn available(&self) -> u64 {
        let word = self.word.load();
        if word.is_wide() {
            self.available_wide()
        } else {
            word.units()
        }
    }

    /// A function of its own, so that a look at one word saves no registers for it.
    #[inline(never)]
    fn available_wide(&self) -> u64 {
        self.stripes().bound(&self.word).min(MAX_UNITS)
    }

    pub(super) fn segments(&self) -> usize {
        self.stripes.get().map_or(1, |stripes| stripes.len())
    }

    pub(super) fn holdings(&self) -> Vec<u64> {
        let word = self.word.load();
        if word.is_wide() {
            self.stripes().iter().map(Segment::held).collect()
        } else {
            vec![word.units()]
        }
    }

    pub(super) fn stats(&self) -> Stats {
        // Most of these count moves. While the mutex is locked, no other thread makes one.
        let _still = self.sums.lock();
        let stripes = self.stripes.get();
        stripes.map_or_else(Stats::default, Stripes::stats)
    }

    /// The segments. If there are none yet, this makes them; only the holder of the cold mutex calls it then.
    #[inline]
    pub(super) fn stripes(&self) -> &Stripes {
        self.stripes
            .get_or_init(|| Stripes::new(self.tuning.segments(parallelism())))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stock")
            .field("available", &self.available())
            .field("initial", &self.initial)
            .field("wide", &self.word.load().is_wide())
            .field("holdings", &self.holdings())
            .field("stats", &self.stats())
            .finish()
    }
}

// No code of a caller runs inside: a panic cannot leave a call half done.
impl RefUnwindSafe for Engine {}
impl UnwindSafe for Engine {}

#[cfg(all(not(any(loom, shuttle)), target_pointer_width = "64"))]
const _: () = {
    assert!(size_of::<Engine>() == 64 && align_of::<Engine>() == 8);
    assert!(std::mem::offset_of!(Engine, sums) == 40);
};

#[cfg(all(test, feature = "inventory", not(any(loom, shuttle))))]
mod tests {
    use super::Engine;
    use std::hash::Hash;
    use std::mem::offset_of;
    use std::ptr;

    /// Of engines in a map's entries, which lie as the allocator has them: one pair that shares a line.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    fn neighbours<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Option<[usize; 2]> {
        let map = papaya::HashMap::new();
        let map = map.pin();
        keys.for_each(|key| _ = map.insert(key, Engine::new(1)));
        let mut at: Vec<_> = map.values().map(|it| ptr::from_ref(it).addr()).collect();
        at.sort_unstable();
        let (word, end) = (offset_of!(Engine, word), offset_of!(Engine, sums));
        let shares = |&[one, next]: &[usize; 2]| (one + end - 1) / 64 >= (next + word) / 64;
        at.windows(2).map(|pair| [pair[0], pair[1]]).find(shares)
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    fn no_word_shares_a_cache_line_with_what_a_neighbour_reads() {
        const SKUS: u64 = 10_000;
        assert_eq!(neighbours(0..SKUS), None);
        assert_eq!(neighbours((0..SKUS).map(|sku| sku.to_string())), None);
        assert_eq!(neighbours(0..SKUS as u32), None);
    }
}

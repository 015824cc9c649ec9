//! Which segment is this thread's, and how often it lost a word to others.
//!
//! A thread has one probe for all stocks: a fraction of 2^32, mapped to a number of segments by
//! multiply and shift, so that 20 segments are as good as 16. The probes of consecutive threads are
//! spread by the golden ratio. That a probe moves on after a collision is the idea of
//! `java.util.concurrent.atomic.Striped64`, which `LongAdder` is built on.
//!
//! The index that was computed last is kept beside it, with its number of segments, since most stocks of a
//! program have that number: then the index is one load, and no deduct waits for the multiplication.

use crate::sync::{thread_local_const, thread_number};
use std::cell::Cell;

/// 2^32 divided by the golden ratio: each next fraction is far from all the last ones.
const GOLDEN: u32 = 0x9E37_79B9;

thread_local_const! {
    static PROBE: Cell<Option<u32>> = Cell::new(None);
    /// The number of segments, and the index among them.
    static SEAT: Cell<(u32, u32)> = Cell::new((0, 0));
    /// Counts up to the turn in which the thread looks around.
    static TURNS: Cell<u32> = Cell::new(0);
    /// The stock whose word the thread lost last (its address, which is only compared), and how often in a row.
    static LOSSES: Cell<(usize, u32)> = Cell::new((0, 0));
}

/// The index of the calling thread's segment among `segments`.
pub(crate) fn segment(segments: usize) -> usize {
    known_segment(segments).unwrap_or_else(|| {
        let probe = PROBE.with(|cell| cell.get().unwrap_or_else(|| first(cell)));
        sit(map(probe, segments), segments)
    })
}

/// [`segment`], if the thread was last asked for this number of segments: without a call.
#[inline]
pub(super) fn known_segment(segments: usize) -> Option<usize> {
    let (of, index) = SEAT.with(Cell::get);
    (of as usize == segments).then_some(index as usize)
}

fn sit(index: usize, segments: usize) -> usize {
    // Both are at most `MAX_SEGMENTS`.
    SEAT.with(|cell| cell.set((segments as u32, index as u32)));
    index
}

fn map(probe: u32, segments: usize) -> usize {
    // Both factors are below 2^32, and the result is below `segments`.
    ((u64::from(probe) * segments as u64) >> 32) as usize
}

fn first(cell: &Cell<Option<u32>>) -> u32 {
    // Modulo 2^32 by intention.
    let probe = (thread_number() as u32).wrapping_mul(GOLDEN);
    cell.set(Some(probe));
    probe
}

/// Another thread is on this thread's segment: from the next call on, this one uses another.
pub(super) fn move_on() {
    PROBE.with(|cell| cell.set(cell.get().map(|probe| probe.wrapping_add(GOLDEN))));
    SEAT.with(|cell| cell.set((0, 0)));
}

/// From now on the calling thread's segment is `index` of `segments`.
pub(crate) fn stay(index: usize, segments: usize) {
    let middle = ((2 * index as u64 + 1) << 31) / segments as u64;
    PROBE.with(|cell| cell.set(Some(middle as u32)));
    sit(index, segments);
}

/// Whether it is time to look whether others are on the word, too: once in many turns.
#[inline]
pub(super) fn is_time_to_look() -> bool {
    const TURNS_BETWEEN: u32 = 4_096;
    TURNS.with(|cell| {
        let turn = cell.get().wrapping_add(1);
        cell.set(turn);
        turn.is_multiple_of(TURNS_BETWEEN)
    })
}

/// Counts that the calling thread lost an exchange on the word of the stock at `address`, and
/// returns how often it did since it last lost one on another stock.
pub(super) fn lost(address: usize) -> u32 {
    LOSSES.with(|cell| {
        let (of, count) = cell.get();
        let count = if of == address {
            count.saturating_add(1)
        } else {
            1
        };
        cell.set((address, count));
        count
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::limits::MAX_SEGMENTS;

    #[test]
    fn staying_maps_back_to_that_segment() {
        for segments in 1..=MAX_SEGMENTS {
            for index in [0, segments / 3, segments / 2, segments - 1] {
                stay(index, segments);
                assert_eq!(segment(segments), index, "of {segments}");
                // After another number in between, the index is computed again.
                segment(segments + 1);
                assert_eq!(segment(segments), index, "of {segments}, computed again");
            }
        }
    }

    #[test]
    fn consecutive_threads_are_spread() {
        for segments in [2, 3, 4, 16, 20] {
            let mut threads_on = vec![0; segments];
            for thread in 0..segments as u32 * 8 {
                threads_on[map(thread.wrapping_mul(GOLDEN), segments)] += 1;
            }
            assert!(
                threads_on.iter().all(|&n| (6..=10).contains(&n)),
                "{threads_on:?}"
            );
        }
    }

    #[test]
    fn threads_begin_on_segments_of_their_own() {
        let begin = |_| std::thread::spawn(|| segment(16)).join().unwrap();
        let seen: std::collections::BTreeSet<usize> = (0..16).map(begin).collect();
        assert!(seen.len() >= 8, "{seen:?}");
    }

    #[test]
    fn moving_on_leaves_the_segment() {
        for segments in [2, 3, 4, 16, 20] {
            stay(0, segments);
            move_on();
            assert_ne!(segment(segments), 0, "of {segments}");
            let index = segment(segments + 1);
            assert_eq!(segment(segments + 1), index, "when asked again");
            assert_ne!(
                segment(segments),
                0,
                "another number in between changes nothing"
            );
        }
    }

    #[test]
    fn it_is_time_to_look_once_in_a_while() {
        let looks = (0..8_192).filter(|_| is_time_to_look()).count();
        assert_eq!(looks, 2);
    }

    #[test]
    fn losses_are_counted_for_one_stock_at_a_time() {
        assert_eq!([lost(1), lost(1), lost(2), lost(1)], [1, 2, 1, 1]);
    }
}

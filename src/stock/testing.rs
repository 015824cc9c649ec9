//! What only tests may do: force a form, choose a segment, settle the thresholds. Not part of the
//! interface, and no promise of any version.

pub use super::tuning::Tuning;
/// Threads, atomics and locks: those of `std`, of loom or of shuttle.
pub use crate::sync::shown as sync;

use super::Stock;
use super::moves::Moves;
use super::probe;

/// How often a snapshot looks at what is committed before it leaves out what is committed meanwhile.
#[cfg(not(loom))]
pub(super) const fn looks_at_commits() -> u32 {
    LOOKS_AT_COMMITS
}

const LOOKS_AT_COMMITS: u32 = 16;

#[cfg(loom)]
std::thread_local! {
    static LOOKS: std::cell::Cell<u32> = const { std::cell::Cell::new(LOOKS_AT_COMMITS) };
}

/// Settable under loom, where a scenario has too few commits for the default. loom runs all threads of a scenario on one
/// thread of the system, so that they share this value.
#[cfg(loom)]
pub(super) fn looks_at_commits() -> u32 {
    LOOKS.get()
}

/// From now on a snapshot, and a restock near the limit, looks `times` at what is committed.
#[cfg(loom)]
pub fn look_at_commits(times: u32) {
    LOOKS.set(times);
}

/// From now on the calling thread's segment is `index` of `segments`.
pub fn sit_at(index: usize, segments: usize) {
    probe::stay(index, segments);
}

/// No fewer than are on hand: by this a restock decides whether the limit is near.
pub fn on_hand_at_most(stock: &Stock) -> u64 {
    Moves::begin(&stock.engine).on_hand_at_most()
}

/// The units in stock, if they are fewer than `units`.
#[cfg(feature = "inventory")]
pub fn available_if_below(stock: &Stock, units: u64) -> Option<u64> {
    stock.engine.available_if_below(units)
}

/// Makes a narrow stock wide, however little there is.
pub fn widen(stock: &Stock) {
    Moves::begin(&stock.engine).widen();
}

/// Tries once to make a wide stock narrow, however much there is; whether it is narrow now.
pub fn narrow(stock: &Stock) -> bool {
    stock.engine.try_narrow()
}

/// Leaves all units in a wide word, as a put does that cancels a narrowing.
pub fn narrow_and_reopen(stock: &Stock) {
    while !stock.engine.try_narrow() {}
    _ = stock.engine.word.reopen_unless_wide();
}

/// Leaves a wide stock *proving*, as it is while somebody is making it narrow.
pub fn begin_proving(stock: &Stock) {
    let _only_the_holder_sets_it = Moves::begin(&stock.engine);
    stock.engine.word.begin_proving();
}

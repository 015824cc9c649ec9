//! Whether a thread can change the maps of this crate and of crates that build on it: at its end it can only read them.
//!
//! Not for users: it is here for crates that build on this one.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};
use std::thread;

thread_local! {
    /// Whether the map knows the thread. It has no destructor, so that it can always be read.
    static THREAD_IS_KNOWN: Cell<bool> = const { Cell::new(false) };
    static WHILE_KNOWN: WhileKnown = WhileKnown::begin();
}

/// Lives as long as the thread-local does by which the map knows a thread.
struct WhileKnown;

impl WhileKnown {
    /// Has the map's thread-local begin first. Destructors run in the reverse sequence: so this one ends first,
    /// and while it lives the other does.
    fn begin() -> Self {
        // It panics on a thread whose first use of an inventory is at its end, if the thread has used another map
        // of that kind before. The map knows the thread then all the same.
        let pin = || drop(papaya::HashMap::<(), ()>::new().pin());
        _ = catch_unwind(pin);
        THREAD_IS_KNOWN.set(true);
        Self
    }
}

impl Drop for WhileKnown {
    fn drop(&mut self) {
        THREAD_IS_KNOWN.set(false);
    }
}

/// Whether maps know the calling thread. In the destructor of a thread-local they may not know it any more: then a pin is an
/// owned one, and only reads.
#[inline]
#[must_use]
pub fn thread_is_known() -> bool {
    THREAD_IS_KNOWN.get() || becomes_known()
}

/// The thread is new, or it ends.
#[cold]
#[inline(never)]
fn becomes_known() -> bool {
    WHILE_KNOWN.try_with(|_| ()).is_ok()
}

/// Changes a map, which must know the thread for that: a thread that it does not know any more has another one do it. A panic
/// of the change is passed on.
pub fn on_known_thread<T: Send>(change: impl FnOnce() -> T + Send) -> T {
    if thread_is_known() {
        return change();
    }
    let changed = thread::scope(|scope| scope.spawn(change).join());
    changed.unwrap_or_else(|panic| resume_unwind(panic))
}

//! `Calls`: whether an order is being placed or paid for, while the holds say nothing of its key.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many calls are under way in the lower half, and how many ever began in the upper.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicU64);

/// One that began, and is under way.
const BEGUN: u64 = (1 << 32) | 1;
/// One that is not any more.
const OVER: u64 = 1;

/// Why nothing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// A call is under way, or was just now.
    InProgress,
    /// There is nothing.
    Nothing,
}

impl Calls {
    pub(crate) fn begin(&self) {
        self.0.fetch_add(BEGUN, Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.0.fetch_sub(OVER, Ordering::SeqCst);
    }

    /// What `look` sees; if that is nothing, whether a call may have hidden it.
    ///
    /// Calls begin here before they hide it and end after: one that hid it from `look` was under way
    /// before, or has begun since.
    pub(crate) fn look<T>(&self, look: impl FnOnce() -> Option<T>) -> Result<T, Unseen> {
        let before = self.0.load(Ordering::SeqCst);
        look().ok_or_else(|| {
            let under_way = before as u32 > 0;
            let begun = before >> 32 != self.0.load(Ordering::SeqCst) >> 32;
            match under_way || begun {
                true => Unseen::InProgress,
                false => Unseen::Nothing,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_seen_that_is_under_way_or_begins_beside() {
        let calls = Calls::default();
        let nothing = || None::<()>;
        assert_eq!(calls.look(nothing), Err(Unseen::Nothing));
        calls.begin();
        assert_eq!(calls.look(nothing), Err(Unseen::InProgress));
        assert_eq!(calls.look(|| Some(())), Ok(()));
        calls.end();
        assert_eq!(calls.look(nothing), Err(Unseen::Nothing));
        let beside = || {
            calls.begin();
            calls.end();
            None::<()>
        };
        assert_eq!(calls.look(beside), Err(Unseen::InProgress));
    }
}

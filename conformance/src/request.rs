//! [`request`]: a name for the call that a thread is in, so that an adapter need not invent one.

use std::cell::Cell;
use std::fmt;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A name that no other call has, in this process or another: an idempotency key. `Display` writes it in
/// letters, digits and a dash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// The run of the process.
    pub run: u64,
    /// The call in it, counted from 1.
    pub number: u64,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.run, self.number)
    }
}

thread_local! {
    /// Of the call that this thread is in, the number; 0 until it is asked for.
    static CALL: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The call of the suite that this thread is in. It stays while the thread is in it, so that an adapter can
/// ask again under the same name. In no call, each answer is a new name.
///
/// # Examples
///
/// ```
/// let one = segstock_conformance::request();
/// let other = segstock_conformance::request();
/// assert_ne!(one.to_string(), other.to_string());
/// ```
#[must_use]
pub fn request() -> Request {
    let number = match CALL.get() {
        Some(0) => {
            let number = next();
            CALL.set(Some(number));
            number
        }
        Some(number) => number,
        None => next(),
    };
    Request { run: run(), number }
}

fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn run() -> u64 {
    static RUN: OnceLock<u64> = OnceLock::new();
    *RUN.get_or_init(|| {
        let began = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = began.map_or(0, |since| since.as_nanos());
        // No two processes of a machine begin at one nanosecond and share their number.
        #[expect(clippy::cast_possible_truncation, reason = "the low bits differ most")]
        let low = nanos as u64;
        low.rotate_left(20) ^ u64::from(process::id())
    })
}

/// Runs `call`, which is not recorded, under a name of its own.
pub(super) fn named<T>(call: impl FnOnce() -> T) -> T {
    let _in_call = InCall::begin();
    call()
}

/// A call of this thread, until it is dropped.
pub(super) struct InCall;

impl InCall {
    pub(super) fn begin() -> Self {
        // A number is taken when it is asked for: threads that never ask share no word.
        CALL.set(Some(0));
        Self
    }
}

impl Drop for InCall {
    fn drop(&mut self) {
        CALL.set(None);
    }
}

//! [`Waiters`]: who waits for which position, and [`Durable`], the future that waits.

use crate::entry::Position;
use crate::journal::Lost;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

/// The last durable position, and those who wait for a later one.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    durable: AtomicU64,
    is_dead: AtomicBool,
    list: Mutex<List>,
}

/// By position, and by a number that tells those of one position apart.
#[derive(Debug, Default)]
struct List {
    wakers: BTreeMap<(u64, u64), Waker>,
    next: u64,
}

impl Waiters {
    pub(super) fn new(durable: Position) -> Self {
        Self {
            durable: AtomicU64::new(durable.number()),
            ..Self::default()
        }
    }

    pub(super) fn durable(&self) -> Position {
        Position::new(self.durable.load(Ordering::Acquire))
    }

    /// All up to `position` is durable: wakes those who wait for it.
    pub(super) fn advance(&self, position: Position) {
        // Before the list is locked: a waiter that is not in the list yet looks again under the lock.
        self.durable.store(position.number(), Ordering::Release);
        let mut list = self.list.lock();
        let later = list.wakers.split_off(&(position.number() + 1, 0));
        let woken = mem::replace(&mut list.wakers, later);
        drop(list);
        woken.into_values().for_each(Waker::wake);
    }

    /// Nothing more becomes durable: wakes all.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::Release);
        let woken = mem::take(&mut self.list.lock().wakers);
        woken.into_values().for_each(Waker::wake);
    }

    fn outcome(&self, position: Position) -> Poll<Result<(), Lost>> {
        // Read before the position: it is the last one then.
        let is_dead = self.is_dead.load(Ordering::Acquire);
        if self.durable() >= position {
            Poll::Ready(Ok(()))
        } else if is_dead {
            Poll::Ready(Err(Lost))
        } else {
            Poll::Pending
        }
    }

    /// What is known of a position now.
    pub(super) fn now(&self, position: Position) -> Option<Result<(), Lost>> {
        match self.outcome(position) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

/// Waits until a position is durable; made by [`Writer::durable`](super::Writer::durable). It needs no runtime.
#[must_use = "a future does nothing until it is polled"]
pub struct Durable {
    waiters: Arc<Waiters>,
    position: Position,
    /// Its number in the list, once it is there.
    number: Option<u64>,
}

impl Durable {
    pub(super) const fn new(waiters: Arc<Waiters>, position: Position) -> Self {
        Self {
            waiters,
            position,
            number: None,
        }
    }
}

impl Future for Durable {
    type Output = Result<(), Lost>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let outcome = this.waiters.outcome(this.position);
        if outcome.is_ready() {
            return outcome;
        }
        let mut list = this.waiters.list.lock();
        // Whoever advances the position afterwards finds the waker in the list.
        let outcome = this.waiters.outcome(this.position);
        if outcome.is_ready() {
            return outcome;
        }
        let number = *this.number.get_or_insert_with(|| {
            list.next += 1;
            list.next
        });
        let place = (this.position.number(), number);
        list.wakers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

/// Who stops waiting leaves the list.
impl Drop for Durable {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let place = (self.position.number(), number);
            self.waiters.list.lock().wakers.remove(&place);
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

//! [`Slot`]: one value on its way from one task to another.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A place for one value, for which one task waits. The first value stays, later ones are dropped. Clones are
/// handles to one slot.
#[derive(Debug)]
pub struct Slot<T>(Rc<RefCell<State<T>>>);

#[derive(Debug)]
enum State<T> {
    Empty(Option<Waker>),
    Full(T),
    Taken,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(State::Empty(None))))
    }
}

impl<T> Slot<T> {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills the slot, if nothing did before, and wakes the task that waits.
    pub fn fill(&self, value: T) {
        let mut state = self.0.borrow_mut();
        if let State::Empty(waiting) = &mut *state {
            let waiting = waiting.take();
            *state = State::Full(value);
            if let Some(waker) = waiting {
                waker.wake();
            }
        }
    }

    /// Waits for the value and takes it.
    pub async fn filled(&self) -> T {
        poll_fn(|context| match self.take() {
            Some(value) => Poll::Ready(value),
            None => {
                if let State::Empty(waiting) = &mut *self.0.borrow_mut() {
                    *waiting = Some(context.waker().clone());
                }
                Poll::Pending
            }
        })
        .await
    }

    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.0.borrow_mut();
        if !matches!(*state, State::Full(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Full(value) => Some(value),
            _ => None,
        }
    }
}

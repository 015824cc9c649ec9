//! `Doors`: who changes the shop passes them, and once they are closed nobody does.

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::error::Error;
use std::fmt;

/// Passed by whatever changes what a snapshot keeps; shut while somebody must be alone; in the end
/// closed for good, so that nothing is confirmed that the last snapshot lacks.
#[derive(Debug)]
pub(crate) struct Doors {
    open: RwLock<bool>,
}

/// The way in, until it is dropped: no snapshot is taken meanwhile.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub(crate) struct Passing<'a>(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, bool>);

/// Nobody else passes until it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub(crate) struct Alone<'a>(RwLockWriteGuard<'a, bool>);

impl Doors {
    pub(crate) fn new() -> Self {
        Self {
            open: RwLock::new(true),
        }
    }

    pub(crate) fn pass(&self) -> Result<Passing<'_>, Closed> {
        let open = self.open.read();
        if *open {
            Ok(Passing(open))
        } else {
            Err(Closed)
        }
    }

    /// Waits until everybody is through, and lets nobody in.
    pub(crate) fn alone(&self) -> Alone<'_> {
        Alone(self.open.write())
    }
}

impl Alone<'_> {
    /// Nobody passes any more, not afterwards either.
    pub(crate) fn close(&mut self) {
        *self.0 = false;
    }
}

/// The shop is closed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service is stopping, and changes nothing any more")
    }
}

impl Error for Closed {}

/// Why the shop did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShopError<E> {
    /// It is closed.
    Closed(Closed),
    /// The reason that the call has.
    Refused(E),
}

impl<E> From<Closed> for ShopError<E> {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl<E: fmt::Display> fmt::Display for ShopError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for ShopError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed(closed) => Some(closed),
            Self::Refused(error) => Some(error),
        }
    }
}

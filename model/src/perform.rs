//! [`Perform`]: what operations can be called on.

use crate::op::Op;
use crate::outcome::Outcome;

/// A counter on which operations can be called: what scenarios, controls and fuzzers are played on.
///
/// The trait stays as it is: what can be called grows with [`Op`].
pub trait Perform: Send + Sync {
    /// Calls `op` and returns its outcome; `None` if the counter does not offer this operation.
    fn perform(&self, op: Op) -> Option<Outcome>;
}

//! [`VERSION`]: the form of snapshots.

/// The form of snapshots that this version writes and reads.
pub(super) const VERSION: u32 = 1;

//! The designs: reference programs, one a file, each with what it promises and what limits it.

pub mod blocks;
pub mod conditional;
mod fenced;
pub mod growing;
pub mod nodes;
pub mod numbered;
pub mod one_lock;
pub mod queue;
pub mod rows;
pub mod segment_locks;
pub mod standby;

pub use blocks::Blocks;
pub use conditional::Conditional;
pub use fenced::Fencing;
pub use growing::Growing;
pub use nodes::Nodes;
pub use numbered::Numbered;
pub use one_lock::OneLock;
pub use queue::Queue;
pub use rows::Rows;
pub use segment_locks::SegmentLocks;
pub use standby::Standby;

/// A share of `units` for each of `parts`.
fn shares(units: u64, parts: usize) -> impl Iterator<Item = u64> {
    let parts = parts as u64;
    (0..parts).map(move |part| units / parts + u64::from(part < units % parts))
}

//! [`VERSION`]: the form of a sale's tables.

/// The version of the tables and functions that this release makes and knows.
pub const VERSION: i32 = 7;

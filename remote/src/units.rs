//! [`Units`]: how many are asked for.

use std::fmt;

/// The most units of one call, and on hand: 2^40, as in `segstock`. Every design counts exactly up to there.
pub const MAX_UNITS: u64 = 1 << 40;

/// Units of a call: 1 to [`MAX_UNITS`].
///
/// # Examples
///
/// ```
/// use segstock_remote::Units;
///
/// assert_eq!(Units::new(2)?.get(), 2);
/// assert!(Units::new(0).is_err());
/// # Ok::<(), segstock_remote::InvalidUnits>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Units(u64);

impl Units {
    /// This number of units.
    ///
    /// # Errors
    ///
    /// [`InvalidUnits`] if there are none, or more than [`MAX_UNITS`].
    pub const fn new(units: u64) -> Result<Self, InvalidUnits> {
        if units == 0 || units > MAX_UNITS {
            return Err(InvalidUnits { units });
        }
        Ok(Self(units))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as servers have it: signed, and far from their limit.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }
}

/// A number that is no [`Units`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUnits {
    /// What was asked for.
    pub units: u64,
}

impl fmt::Display for InvalidUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a call has 1 to {MAX_UNITS} units, and this has {}",
            self.units
        )
    }
}

impl std::error::Error for InvalidUnits {}

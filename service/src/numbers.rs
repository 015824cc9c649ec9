//! [`Whole`]: numbers of requests, which may be written as `1` or as `1.0`; and the numbers of cursors.

use crate::problem::Problem;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

/// Above this, a floating-point number no longer says which whole number it stands for.
const EXACT: f64 = (1_u64 << 53) as f64;

/// What is wrong with a text that is no whole number from 0 on.
#[must_use]
pub fn why(error: &ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::PosOverflow => "the number is too large",
        IntErrorKind::Zero => "a whole number from 1 on is needed, not zero",
        _ => "a whole number from 0 on is needed, such as 1000000",
    }
}

/// A whole number from 0 on. `1.0` and `1e3` are whole numbers as well, as JSON Schema has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub u64);

impl Whole {
    /// Nothing, where a field is left out.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Whether it is 0.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 on")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
                    // It is whole and below 2^53.
                    return Ok(Whole(number as u64));
                }
                let wrong = match number >= EXACT {
                    true => "is too large",
                    false => "is not a whole number from 0 on",
                };
                Err(E::custom(format!("{number} {wrong}")))
            }
        }

        deserializer.deserialize_u64(Number)
    }
}

/// A field that may be left out, and is not `null`: `#[serde(default, deserialize_with = "given")]`.
///
/// # Errors
///
/// Those of the field's value.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The number that a cursor is; 0, the beginning, without one.
///
/// # Errors
///
/// A [`Problem`] if it is no number.
pub fn cursor_number<N: FromStr + Default>(cursor: Option<String>) -> Result<N, Problem> {
    let number = cursor.as_deref().map(str::parse).transpose();
    let number = number.map_err(|_| Problem::invalid("there is no such cursor"))?;
    Ok(number.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
        let read = |text| serde_json::from_str(text).map(|Whole(number)| number).ok();
        for (text, number) in [("0", 0), ("7", 7), ("1.0", 1), ("1e3", 1_000), ("-0.0", 0)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in [
            "-1",
            "1.5",
            "-1.0",
            "1e300",
            "18446744073709551616",
            "null",
            "\"1\"",
            "[1]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let large = serde_json::from_str::<Whole>("18446744073709551616").unwrap_err();
        assert!(large.to_string().contains("too large"), "{large}");
    }
}

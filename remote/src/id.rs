//! [`OrderId`]: the name of an order, by which its retries are known.

use std::fmt;
use std::str::FromStr;

/// The id of an order: 1 to 64 of the letters `A` to `Z` and `a` to `z`, the digits, and `-._~:`.
///
/// Take the customer's idempotency key or your order number. A number that is drawn for each request is no id: a retry
/// would have another one, and take the units a second time.
///
/// # Examples
///
/// ```
/// use segstock_remote::OrderId;
///
/// let order: OrderId = "order:2026-17".parse()?;
/// assert_eq!(order.as_str(), "order:2026-17");
/// assert!("order 17".parse::<OrderId>().is_err());
/// # Ok::<(), segstock_remote::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(String);

impl OrderId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// The id of this text.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] if it is empty, too long, or has another character.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidId::Empty);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidId::TooLong { length: text.len() });
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:".contains(c);
        match text.chars().find(|&c| !is_allowed(c)) {
            Some(character) => Err(InvalidId::Character { character }),
            None => Ok(Self(text)),
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrderId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no [`OrderId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidId {
    /// It is empty.
    Empty,
    /// It is longer than [`OrderId::MAX_LENGTH`].
    TooLong {
        /// In bytes.
        length: usize,
    },
    /// It has a character that no id has.
    Character {
        /// The first of them.
        character: char,
    },
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = OrderId::MAX_LENGTH;
        match self {
            Self::Empty => write!(
                f,
                "an order's id is 1 to {most} characters long, and this is empty"
            ),
            Self::TooLong { length } => {
                write!(
                    f,
                    "an order's id is 1 to {most} characters long, and this has {length}"
                )
            }
            Self::Character { character } => write!(
                f,
                "an order's id has letters, digits and \"-._~:\", and this has {character:?}"
            ),
        }
    }
}

impl std::error::Error for InvalidId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_length_and_an_alphabet() {
        assert!(OrderId::new("a".repeat(64)).is_ok());
        assert_eq!(
            OrderId::new("a".repeat(65)),
            Err(InvalidId::TooLong { length: 65 })
        );
        assert_eq!(OrderId::new(""), Err(InvalidId::Empty));
        assert!(OrderId::new("AZaz09-._~:").is_ok());
        for character in [' ', '/', '\n', '\0', '{', 'ä', '\'', '*'] {
            assert_eq!(
                OrderId::new(format!("a{character}")),
                Err(InvalidId::Character { character })
            );
        }
    }
}

//! Whether the text of a database is in UTF-8: no other encoding has the letters of every SKU.

/// The encoding, if it is another one; or null.
pub(crate) const OTHER_ENCODING: &str = "SELECT nullif(current_setting('server_encoding'), 'UTF8')";

/// What is wrong with a database in the encoding `found`, for `whom` it is to serve.
pub(crate) fn lacks_letters(found: &str, whom: &str) -> String {
    format!(
        "the database's encoding is {found}, and {whom} needs UTF8: make one with ENCODING 'UTF8'"
    )
}

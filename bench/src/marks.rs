//! The parts of a document that are generated, each between two marks.
//!
//! ```text
//! <!-- measured: NAME -->
//! …
//! <!-- /measured -->
//! ```

const END: &str = "<!-- /measured -->";

/// `document` with each marked part replaced by what `part` says of its name.
///
/// # Errors
///
/// One line: a name that `part` does not know, a mark that is not closed, or no mark at all.
pub fn fill(document: &str, part: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    const BEGIN: &str = "<!-- measured: ";
    let mut pieces = document.split(BEGIN);
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, inside) = piece
            .split_once(" -->")
            .ok_or("a mark without an end: <!-- measured: … without -->")?;
        let (_, after) = inside
            .split_once(END)
            .ok_or_else(|| format!("the part {name:?} is not closed by {END}"))?;
        let text = part(name).ok_or_else(|| format!("nothing is measured by the name {name:?}"))?;
        filled += &format!("{BEGIN}{name} -->\n\n{}\n\n{END}{after}", text.trim());
    }
    if !filled.contains(BEGIN) {
        return Err(format!("no marks: {BEGIN}NAME --> … {END}"));
    }
    Ok(filled)
}

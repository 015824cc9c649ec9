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
    let mut filled = String::new();
    let mut rest = document;
    while let Some(at) = rest.find(BEGIN) {
        let (before, mark) = rest.split_at(at);
        let (name, inside) = mark[BEGIN.len()..]
            .split_once(" -->")
            .ok_or("a mark without an end: <!-- measured: … without -->")?;
        let (_, after) = inside
            .split_once(END)
            .ok_or_else(|| format!("the part {name:?} is not closed by {END}"))?;
        let text = part(name).ok_or_else(|| format!("nothing is measured by the name {name:?}"))?;
        filled += before;
        filled += &format!("{BEGIN}{name} -->\n\n{}\n\n{END}", text.trim());
        rest = after;
    }
    if filled.is_empty() {
        return Err(format!("no marks: {BEGIN}NAME --> … {END}"));
    }
    Ok(filled + rest)
}

//! What programs asked the operating system for, by strace: whether an entry is written and synced before its answer. For
//! tests of ledgers.

use std::collections::HashMap;

/// The calls, one a line, in the sequence in which they ended.
#[derive(Debug)]
pub struct Trace(Vec<String>);

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What the entry begins with: its kind.
    pub entry: &'a str,
    /// In the path of the log that it is written to.
    pub log: &'a str,
}

impl Trace {
    /// What strace wrote of several threads or processes. A call that another one interrupts is in two lines: the second of
    /// them has all of it from here on.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut begun = HashMap::new();
        let whole = |line: &str| {
            let (process, call) = line.split_once(' ').unwrap_or_default();
            if let Some(begins) = line.strip_suffix("<unfinished ...>") {
                begun.insert(process.to_owned(), begins.to_owned());
            } else if let Some((_, ends)) = call.split_once("resumed>") {
                return begun.remove(process).unwrap_or_default() + ends;
            }
            line.to_owned()
        };
        Self(text.lines().map(whole).collect())
    }

    /// Says in which lines an entry was written, synced and answered.
    ///
    /// # Errors
    ///
    /// What is missing, or the lines, if they are not in this sequence.
    pub fn judged(
        &self,
        wanted: &Wanted<'_>,
        is_answer: impl Fn(&str) -> bool,
    ) -> Result<String, String> {
        let lines = || self.0.iter().enumerate();
        let entry = wanted.entry;
        let answered = lines().find(|(_, line)| is_answer(line));
        let (answered, _) = answered.ok_or_else(|| format!("no answer to {entry} in the trace"))?;
        // As strace shows the quotation marks of a row.
        let row = format!(r#"{{\"{entry}\":{{"#);
        let is_log = |line: &str| line.contains(wanted.log);
        let written = lines()
            .find(|(_, line)| line.contains("pwrite64(") && is_log(line) && line.contains(&row));
        let Some((written, _)) = written else {
            return Err(format!("{entry} is not written"));
        };
        let synced = lines().skip(written + 1).find(|(_, line)| {
            let is_sync = line.contains(" fdatasync(") || line.contains(" fsync(");
            is_sync && is_log(line) && line.trim_end().ends_with("= 0")
        });
        let places = format!(
            "{entry}: written in line {written}, synced in {:?}, answered in {answered}",
            synced.map(|(line, _)| line)
        );
        match synced {
            Some((synced, _)) if synced < answered => Ok(places),
            _ => Err(places),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Trace, Wanted};

    #[test]
    fn an_entry_is_synced_before_its_answer_or_that_is_said() {
        let row = r#"pwrite64(7</shop.db-wal>, "{\"placed\":{", 9, 0) = 9"#;
        let judged = |lines: &[&str]| {
            let wanted = Wanted {
                entry: "placed",
                log: "-wal",
            };
            Trace::new(lines.join("\n").as_bytes())
                .judged(&wanted, |line| line.contains("write(1<"))
        };
        let (written, answer) = (format!("3 {row}"), "1 write(1</out>, \"placed\") = 6");
        let begins = "3 fdatasync(7</shop.db-wal> <unfinished ...>";
        let ends = "3 <... fdatasync resumed>) = 0";
        judged(&[&written, begins, ends, answer]).unwrap();
        judged(&[&written, begins, answer, ends]).unwrap_err();
        judged(&[&written, begins, ends]).unwrap_err();
        judged(&[begins, ends, answer]).unwrap_err();
    }
}

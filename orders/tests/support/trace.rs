//! What programs asked the operating system for, by strace: whether an entry is written and synced before its answer.

use std::collections::HashMap;

/// The calls, one a line, in the sequence in which they ended.
pub struct Trace(Vec<String>);

/// What is looked for.
pub struct Wanted<'a> {
    /// What the entry begins with: its kind.
    pub entry: &'a str,
    /// In the path of the log that it is written to.
    pub log: &'a str,
}

impl Trace {
    /// What strace wrote of several threads or processes. A call that another one interrupts is in two lines: the second of
    /// them has all of it from here on.
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

    /// Says in which lines an entry was written, synced and answered; an error if not in this sequence.
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

//! [`Table`]: a CSV file as people export it: its encoding, its separator and the place of its columns are found out.
//!
//! The order service reads its files by this, too.

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use std::borrow::Cow;

/// What nobody can find out by looking at a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form {
    /// What separates fields: of `,`, `;` and tab the one that the header has most of, if nothing is said.
    pub separator: Option<u8>,
    /// Lines above the header: titles.
    pub skip: usize,
    /// Whether `1,200` and `1.200` are thousands.
    pub thousands: bool,
}

/// A file: its header, which was read, and its rows, which are read one at a time.
#[derive(Debug)]
pub struct Table<'a> {
    text: Cow<'a, [u8]>,
    header_at: usize,
    header_line: usize,
    columns: Vec<String>,
    separator: u8,
    thousands: bool,
}

/// A line of a file, below its header.
#[derive(Debug)]
pub struct Row {
    /// The number of the line on which it begins.
    pub line: usize,
    fields: ByteRecord,
}

impl<'a> Table<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    ///
    /// One line.
    pub fn read(bytes: &'a [u8], form: Form) -> Result<Self, String> {
        let text = utf8(bytes)?;
        let (said, header_at) = begin(&text, form.skip);
        let rest = &text[header_at..];
        let separator = form.separator.or(said).unwrap_or_else(|| guess(rest));
        let header_line = Lines::of(&text, header_at).at(0);
        if count(rest, separator) >= MOST_COLUMNS {
            return Err(format!(
                "line {header_line}: there are more than {MOST_COLUMNS} columns"
            ));
        }
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(rest);
        let header = reader.byte_headers().map_err(|error| error.to_string())?;
        if form.skip > 0 && rest.is_empty() {
            let skip = form.skip;
            return Err(format!(
                "has no header line below the {skip} lines that are skipped"
            ));
        }
        if header.iter().all(|field| field.trim_ascii().is_empty()) {
            return Err("is empty: a header line is needed".into());
        }
        let name = |field: &[u8]| String::from_utf8_lossy(field).trim().to_owned();
        Ok(Self {
            columns: header.iter().map(name).collect(),
            header_line,
            header_at,
            separator,
            thousands: form.thousands,
            text,
        })
    }

    /// The place of the column with this name, in large letters or small.
    ///
    /// # Errors
    ///
    /// A line that names the columns that the file has, or says that there is more than one.
    pub fn column(&self, name: &str) -> Result<usize, String> {
        let places = |is_it: &dyn Fn(&str) -> bool| {
            let columns = self.columns.iter().enumerate();
            let places = columns.filter(|(_, column)| is_it(column.as_str()));
            places.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let mut found = places(&|column| column == name);
        if found.is_empty() {
            found = places(&|column| column.eq_ignore_ascii_case(name));
        }
        if found.len() > 1 {
            let (line, name) = (self.header_line, shortened(name));
            return Err(format!("line {line}: there is more than one column {name}"));
        }
        found.first().copied().ok_or_else(|| {
            let (line, more) = (self.header_line, self.columns.len() > MOST_NAMED);
            let there = self.columns.iter().take(MOST_NAMED);
            let there: Vec<String> = there.map(|column| shortened(column)).collect();
            let there = there.join(", ") + if more { ", …" } else { "" };
            let name = shortened(name);
            format!("line {line}: there is no column {name}; there are: {there}")
        })
    }

    /// The lines below the header but those of nothing but separators, up to the first that cannot be read, which is an error.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, String>> {
        let mut builder = ReaderBuilder::new();
        Rows {
            reader: builder
                .delimiter(self.separator)
                .from_reader(&self.text[self.header_at..]),
            lines: Lines::of(&self.text, self.header_at),
            is_over: false,
        }
    }

    /// The text of a field. The other fields may be in any encoding.
    ///
    /// # Errors
    ///
    /// A line that says why it cannot be read.
    pub fn text<'r>(&self, row: &'r Row, column: usize) -> Result<&'r str, String> {
        let name = self.columns.get(column).map_or("the field", String::as_str);
        match str::from_utf8(row.fields.get(column).unwrap_or_default()) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim()),
            Ok(_) => Err(format!("line {}: {name} is empty", row.line)),
            Err(_) => Err(format!("line {}: {name} is not UTF-8", row.line)),
        }
    }

    /// The whole number of a field.
    ///
    /// # Errors
    ///
    /// A line that says why it is none.
    pub fn number(&self, row: &Row, column: usize) -> Result<i64, String> {
        let text = self.text(row, column)?;
        whole(text, self.thousands).map_err(|error| {
            let (line, name) = (row.line, self.columns.get(column));
            let name = name.map_or("the field", String::as_str);
            format!("line {line}: {name} {error}")
        })
    }
}

struct Rows<'a> {
    reader: Reader<&'a [u8]>,
    lines: Lines<'a>,
    is_over: bool,
}

impl Rows<'_> {
    /// The next line; none at the end.
    fn read(&mut self) -> Result<Option<Row>, String> {
        let mut fields = ByteRecord::new();
        // The header comes before the first row.
        let header = self.reader.byte_headers();
        header.map_err(|error| error.to_string())?;
        loop {
            let line = self.lines.at(self.reader.position().byte());
            match self.reader.read_byte_record(&mut fields) {
                Ok(true) if fields.iter().all(|field| field.trim_ascii().is_empty()) => {}
                Ok(true) => return Ok(Some(Row { line, fields })),
                Ok(false) => return Ok(None),
                Err(error) => return Err(format!("line {line}: {}", explain(&error))),
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.read().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

/// The file in UTF-8: without a mark at its beginning, and from UTF-16 if it has the mark of that.
fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (units, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => (u16::from_be_bytes, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => return Ok(rest.into()),
        _ => return Ok(bytes.into()),
    };
    let (pairs, odd) = rest.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().copied().map(units)).collect::<Result<String, _>>();
    match text {
        Ok(text) if odd.is_empty() => Ok(text.into_bytes().into()),
        _ => Err("is damaged: its mark says UTF-16, and it is not".into()),
    }
}

/// The separator that a first line `sep=;` says, and where the header begins.
fn begin(text: &[u8], skip: usize) -> (Option<u8>, usize) {
    let line = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n');
        length.map_or(text.len(), |length| from + length + 1)
    };
    let first = text[..line(0)].trim_ascii_end();
    // Of a tab after the sign nothing is left by trimming.
    let said = match first {
        [b's', b'e', b'p', b'=', separator] => Some(*separator),
        b"sep=" => Some(b'\t'),
        _ => None,
    };
    let begin = if said.is_some() { line(0) } else { 0 };
    // A text has no more lines than bytes, however many are to be skipped.
    let skip = skip.min(text.len());
    (said, (0..skip).fold(begin, |from, _| line(from)))
}

/// The separator that the header has most of, outside of quotes; of equal ones the first.
fn guess(text: &[u8]) -> u8 {
    let usual = [b'\t', b';', b','];
    let most = usual.into_iter().max_by_key(|it| count(text, *it));
    most.unwrap_or(b',')
}

/// How many of a separator the header has, outside of quotes.
fn count(text: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for byte in text.trim_ascii_start() {
        quoted ^= *byte == b'"';
        if !quoted && *byte == b'\n' {
            break;
        }
        count += usize::from(!quoted && *byte == separator);
    }
    count
}

/// Counts lines, from the header on and only forwards.
struct Lines<'a> {
    text: &'a [u8],
    header_at: usize,
    counted: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    const fn of(text: &'a [u8], header_at: usize) -> Self {
        Self {
            text,
            header_at,
            counted: 0,
            line: 1,
        }
    }

    /// The number of the line on which the record begins that is read from `start` on, behind the header's beginning:
    /// empty lines and the rest of a line's end come before it.
    fn at(&mut self, start: u64) -> usize {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let start = self.header_at.saturating_add(start).min(self.text.len());
        let rest = self.text[start..].iter();
        let skipped = rest.take_while(|byte| matches!(byte, b'\n' | b'\r'));
        let end = start + skipped.count();
        let new = self.text.get(self.counted..end).unwrap_or_default();
        self.line += new.iter().filter(|&&byte| byte == b'\n').count();
        self.counted = self.counted.max(end);
        self.line
    }
}

/// The most columns of a file: each takes memory, and none that people make has as many.
const MOST_COLUMNS: usize = 10_000;
/// The most columns that an error names.
const MOST_NAMED: usize = 50;
/// The most characters of a text that an error shows: what is no table may be one field of megabytes.
const MOST_SHOWN: usize = 50;

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn explain(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields where the header has {expected_len}"),
        _ => error.to_string(),
    }
}

/// A whole number, which spreadsheets also write as `2.0` or `2,00`. What may be a thousand is one only if that is said.
fn whole(text: &str, thousands: bool) -> Result<i64, String> {
    let shown = shortened(text);
    let wrong = || format!("{shown:?} is no whole number");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let parts: Vec<&str> = digits.split([',', '.']).collect();
    let is_digits = |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !parts.iter().all(is_digits) {
        return Err(wrong());
    }
    let (first, rest) = parts.split_first().ok_or_else(wrong)?;
    let groups = rest.iter().all(|part| part.len() == 3) && first.len() <= 3;
    let whole = match rest {
        [] => digits.to_owned(),
        [fraction] if fraction.len() != 3 && fraction.bytes().all(|it| it == b'0') => {
            (*first).to_owned()
        }
        _ if groups && thousands => parts.concat(),
        _ if groups => {
            return Err(format!(
                "{shown:?} may be thousands: say so, or write it without"
            ));
        }
        _ => return Err(wrong()),
    };
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number = format!("{sign}{whole}").parse();
    number.map_err(|error| format!("{shown:?} is no whole number: {error}"))
}

//! [`Table`]: a CSV file as people export it: its encoding, its separator and the place of its columns are found out.
//!
//! The order service reads its files by this, too.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::borrow::Cow;
use std::iter;

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

/// A line of a file.
#[derive(Debug)]
pub struct Row {
    /// The number of the line on which it begins.
    pub line: usize,
    bytes: Vec<u8>,
    /// Where in `bytes` each field ends.
    ends: Vec<usize>,
}

impl Row {
    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|column| self.field(column))
    }

    /// A field; of no bytes, if there is none.
    fn field(&self, column: usize) -> &[u8] {
        let begin = match column {
            0 => 0,
            _ => self.ends.get(column - 1).copied().unwrap_or_default(),
        };
        let end = self.ends.get(column).copied().unwrap_or(begin);
        &self.bytes[begin..end]
    }

    fn is_blank(&self) -> bool {
        self.fields().all(|field| field.trim_ascii().is_empty())
    }
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
        if form.skip > 0 && rest.is_empty() {
            let skip = form.skip;
            return Err(format!(
                "has no header line below the {skip} lines that are skipped"
            ));
        }
        let header = Records::of(&text, header_at, separator).read()?;
        let Some(header) = header.filter(|header| !header.is_blank()) else {
            return Err("is empty: a header line is needed".into());
        };
        let name = |field: &[u8]| String::from_utf8_lossy(field).trim().to_owned();
        Ok(Self {
            columns: header.fields().map(name).collect(),
            header_line: header.line,
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
        let mut records = Records::of(&self.text, self.header_at, self.separator);
        let mut header = Some(records.read());
        let mut is_over = false;
        iter::from_fn(move || {
            if is_over {
                return None;
            }
            let row = match header.take() {
                Some(Err(error)) => Err(error),
                _ => self.next_row(&mut records),
            };
            is_over = !matches!(row, Ok(Some(_)));
            row.transpose()
        })
    }

    fn next_row(&self, records: &mut Records<'_>) -> Result<Option<Row>, String> {
        let expected = self.columns.len();
        loop {
            match records.read()? {
                Some(row) if row.ends.len() != expected => {
                    let (line, fields) = (row.line, row.ends.len());
                    return Err(format!(
                        "line {line}: {fields} fields where the header has {expected}"
                    ));
                }
                Some(row) if row.is_blank() => {}
                row => return Ok(row),
            }
        }
    }

    /// The text of a field. The other fields may be in any encoding.
    ///
    /// # Errors
    ///
    /// A line that says why it cannot be read.
    pub fn text<'r>(&self, row: &'r Row, column: usize) -> Result<&'r str, String> {
        let name = self.columns.get(column).map_or("the field", String::as_str);
        match str::from_utf8(row.field(column)) {
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

/// The records of a text, read one at a time: what is kept of the text is one of them.
struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    lines: Lines<'a>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn of(text: &'a [u8], header_at: usize, separator: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(separator).build(),
            rest: &text[header_at..],
            lines: Lines {
                text,
                counted: 0,
                line: 1,
            },
            bytes: vec![0; 256],
            // With one more it is seen that there are too many.
            ends: vec![0; MOST_COLUMNS + 1],
        }
    }

    /// The next one; none at the end.
    fn read(&mut self) -> Result<Option<Row>, String> {
        let line = self.lines.at(self.rest);
        let (mut length, mut fields) = (0, 0);
        // The end of its last line, if that has none: within quotes it would be read as a part of the field.
        let (mut end, mut has_ended): (&[u8], _) = (b"", false);
        if self.rest.iter().all(|byte| matches!(byte, b'\n' | b'\r')) {
            return Ok(None);
        }
        loop {
            let (bytes, ends) = (&mut self.bytes[length..], &mut self.ends[fields..]);
            let text = if self.rest.is_empty() {
                &mut end
            } else {
                &mut self.rest
            };
            let (result, read, written, ended) = self.reader.read_record(text, bytes, ends);
            *text = &text[read..];
            (length, fields) = (length + written, fields + ended);
            match result {
                _ if fields > MOST_COLUMNS => {
                    return Err(format!(
                        "line {line}: there are more than {MOST_COLUMNS} columns"
                    ));
                }
                ReadRecordResult::OutputFull => self.bytes.resize(2 * self.bytes.len(), 0),
                ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::InputEmpty if has_ended => {
                    return Err(format!("line {line}: a quote is not closed"));
                }
                ReadRecordResult::InputEmpty => {
                    (has_ended, end) = (true, b"\n");
                }
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => {
                    let (bytes, ends) = (&self.bytes[..length], &self.ends[..fields]);
                    let (bytes, ends) = (bytes.to_vec(), ends.to_vec());
                    return Ok(Some(Row { line, bytes, ends }));
                }
            }
        }
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
        let end = (from..text.len()).find(|at| ends_line(text, *at));
        end.map_or(text.len(), |end| end + 1)
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
    let mut quoted = false;
    let header = text.trim_ascii_start().iter().filter_map(|byte| {
        quoted ^= *byte == b'"';
        (!quoted).then_some(*byte)
    });
    let mut found = [(b'\t', 0), (b';', 0), (b',', 0)];
    for byte in header.take_while(|byte| !matches!(byte, b'\n' | b'\r')) {
        for (separator, count) in &mut found {
            *count += usize::from(byte == *separator);
        }
    }
    let most = found.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(separator, _)| separator)
}

/// Whether this byte of a text is the last of a line: lines end in `\n`, `\r\n` or `\r`.
fn ends_line(text: &[u8], at: usize) -> bool {
    match text[at] {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    }
}

/// Counts lines, only forwards.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    /// The number of the line on which the record begins that is read from this rest of the text: empty lines, and the rest of a
    /// line's end, come before it.
    fn at(&mut self, rest: &[u8]) -> usize {
        let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        let end = self.text.len() - rest.len() + skipped.count();
        self.line += (self.counted..end)
            .filter(|at| ends_line(self.text, *at))
            .count();
        self.counted = end;
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

/// A whole number, which spreadsheets also write as `2.0`, `2,00` or `1.200,00`. What may be a thousand is one only if that is
/// said.
fn whole(text: &str, thousands: bool) -> Result<i64, String> {
    let shown = shortened(text);
    let wrong = || format!("{shown:?} is no whole number");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut groups: Vec<&str> = digits.split([',', '.']).collect();
    let mut marks: Vec<&str> = digits.matches([',', '.']).collect();
    let is_digits = |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !groups.iter().all(is_digits) {
        return Err(wrong());
    }
    // Of two kinds of marks, the last one is before the fraction.
    let has_fraction = match marks[..] {
        [] => false,
        [_] => groups[1].len() != 3 || groups[0].starts_with('0'),
        [.., before, last] => before != last,
    };
    let fraction = if has_fraction { groups.pop() } else { None };
    marks.truncate(groups.len() - 1);
    let is_grouped = groups[1..].iter().all(|group| group.len() == 3)
        && groups[0].len() <= 3
        && !groups[0].starts_with('0')
        && marks.windows(2).all(|two| two[0] == two[1]);
    let is_whole = fraction.is_none_or(|fraction| fraction.bytes().all(|it| it == b'0'));
    if !is_whole || !marks.is_empty() && !is_grouped {
        return Err(wrong());
    }
    if !marks.is_empty() && !has_fraction && !thousands {
        return Err(format!(
            "{shown:?} may be thousands: write it without the mark"
        ));
    }
    let whole = groups.concat();
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number = format!("{sign}{whole}").parse();
    number.map_err(|error| format!("{shown:?} is no whole number: {error}"))
}

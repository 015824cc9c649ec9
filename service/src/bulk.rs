//! [`Stocklist`]: many SKUs and their units, from CSV or JSON lines; and what is done with it, [`Import`].

use crate::book::Sku;
use crate::input::{Object, check_sku};
use crate::kinds;
use crate::numbers::Whole;
use crate::problem::Problem;
use crate::table::{Form, Table};
use crate::telemetry::Deed;
use segstock::MAX_UNITS;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;
use utoipa::ToSchema;

/// SKUs with their units, each SKU once, and the line that names it first.
#[derive(Debug, Default)]
pub struct Stocklist {
    /// How many lines were read.
    pub lines: usize,
    /// By SKU: its line, and its units.
    pub units: BTreeMap<Sku, (usize, u64)>,
}

/// Why a list is not read.
#[derive(Debug)]
pub struct Unread {
    /// What is wrong, with its line.
    pub why: String,
    /// Whether it has more SKUs than there can be.
    pub is_full: bool,
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        let is_full = false;
        Self { why, is_full }
    }
}

/// What lines of one SKU mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// Their units are added up.
    AddedUp,
    /// It is a mistake.
    Refused,
}

/// What the units of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// They came. Lines of one SKU are added up.
    Restock,
    /// They were counted. A SKU has one line.
    Count,
}

/// What a list did, or would do.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Imported {
    /// Lines that were read.
    pub lines: usize,
    /// SKUs that they are about.
    pub skus: usize,
    /// SKUs that were opened.
    pub opened: usize,
    /// SKUs whose units an earlier sending of the list had changed.
    pub before: usize,
    /// Units on hand that came; negative: that went. Those of an earlier sending included, but for a dry run.
    pub difference: i64,
    /// Whether it was only checked: all figures are what it would do.
    pub dry_run: bool,
}

/// What is done with a list.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// What its units are.
    pub act: Act,
    /// By which its changes are known.
    pub key: &'a str,
    /// Whether SKUs that are not open are opened.
    pub opens: bool,
    /// How many SKUs there can be.
    pub most: usize,
    /// Whether it is only checked.
    pub is_dry_run: bool,
    /// How long it waits at a time until what it did is durable.
    pub patience: Duration,
}

impl Imported {
    /// Where it stopped: this many SKUs were changed before this line.
    #[must_use]
    pub fn stopped(changed: usize, line: usize) -> String {
        format!(
            "at least {changed} SKUs were changed, and the same list with the same key does what is left; the list line {line}"
        )
    }
}

impl Act {
    /// The units that come to a SKU by a line of this many; negative: that go.
    #[must_use]
    pub const fn difference(self, units: u64, on_hand: u64) -> i64 {
        // Units of a list are at most those of a stock, which fit 64 bits with a sign.
        match self {
            Self::Restock => units.cast_signed(),
            Self::Count => units.cast_signed() - on_hand.cast_signed(),
        }
    }

    /// As it is counted.
    #[must_use]
    pub const fn deed(self) -> Deed {
        match self {
            Self::Restock => Deed::Restock,
            Self::Count => Deed::Count,
        }
    }
}

/// What the columns of a CSV file are called.
#[derive(Debug)]
pub struct Columns<'a> {
    /// The column of the SKU.
    pub sku: &'a str,
    /// The column of the units.
    pub units: &'a str,
}

/// Other fields are passed over, as other columns of CSV are: a list that was shown has some.
#[derive(Deserialize)]
struct JsonLine {
    sku: Sku,
    units: Whole,
}

impl Stocklist {
    /// Why it is refused: these SKUs of it are not open, by their lines.
    pub fn not_open(&self, skus: Vec<Sku>) -> Problem {
        let first = skus.first().map_or("", Sku::as_str);
        let line = self.units.get(first).map_or(0, |(line, _)| *line);
        let detail = format!(
            "the list line {line}: there is no SKU {first}; open=true opens those that are not open"
        );
        Problem::new(kinds::UNKNOWN_SKUS, detail).with_skus(skus)
    }

    /// Reads CSV with at most this many SKUs.
    ///
    /// # Errors
    ///
    /// What is wrong with the first line that is.
    pub fn from_csv(
        bytes: &[u8],
        form: Form,
        columns: &Columns<'_>,
        most: usize,
        repeated: Repeated,
    ) -> Result<Self, Unread> {
        let table = Table::read(bytes, form)?;
        let (sku, units) = (table.column(columns.sku)?, table.column(columns.units)?);
        let mut list = Self::default();
        for row in table.rows() {
            let row = row?;
            let number = table.number(&row, units)?;
            let number = u64::try_from(number)
                .map_err(|_| format!("line {}: {number} units are fewer than none", row.line))?;
            list.add(row.line, table.text(&row, sku)?, number, repeated)?;
            list.check_skus(row.line, most)?;
        }
        list.checked()
    }

    /// Reads JSON lines, `{"sku": "phone", "units": 5}`, with at most this many SKUs.
    ///
    /// # Errors
    ///
    /// What is wrong with the first line that is.
    pub fn from_json_lines(bytes: &[u8], most: usize, repeated: Repeated) -> Result<Self, Unread> {
        let mut list = Self::default();
        // The mark of UTF-8.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line = index + 1;
            let read = serde_json::from_slice(text);
            let Object(JsonLine { sku, units }) = read.map_err(|error| {
                let error = error.to_string();
                // It counts the lines of this text, which has one.
                let error = error.split(" at line ").next().unwrap_or_default();
                format!("line {line}: {error}")
            })?;
            list.add(line, &sku, units.0, repeated)?;
            list.check_skus(line, most)?;
        }
        list.checked()
    }

    fn add(
        &mut self,
        line: usize,
        sku: &str,
        units: u64,
        repeated: Repeated,
    ) -> Result<(), String> {
        check_sku(sku).map_err(|error| format!("line {line}: {error}"))?;
        let known = self.units.entry(sku.to_owned());
        if let (Entry::Occupied(known), Repeated::Refused) = (&known, repeated) {
            let (first, _) = known.get();
            return Err(format!(
                "line {line}: {sku} is counted already on line {first}"
            ));
        }
        let (_, sum) = known.or_insert((line, 0));
        *sum = sum.saturating_add(units);
        if *sum > MAX_UNITS {
            return Err(format!(
                "line {line}: a stock has at most {MAX_UNITS} units"
            ));
        }
        self.lines += 1;
        Ok(())
    }

    /// Before a list that could never be done fills the memory.
    fn check_skus(&self, line: usize, most: usize) -> Result<(), Unread> {
        if self.units.len() <= most {
            return Ok(());
        }
        Err(Unread {
            why: format!("line {line}: there can be {most} SKUs in all, and the list has more"),
            is_full: true,
        })
    }

    fn checked(self) -> Result<Self, Unread> {
        if self.lines == 0 {
            return Err("has no line with a SKU".to_owned().into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, Repeated, Stocklist};
    use crate::table::Form;

    /// SKUs of a list.
    const MOST: usize = 3;

    fn csv(text: &[u8], form: Form, repeated: Repeated) -> Result<Vec<(String, u64)>, String> {
        let (sku, units) = ("sku", "units");
        let list = Stocklist::from_csv(text, form, &Columns { sku, units }, MOST, repeated);
        let list = list.map_err(|unread| unread.why)?;
        Ok(list
            .units
            .into_iter()
            .map(|(sku, (_, units))| (sku, units))
            .collect())
    }

    /// A text with each end of a line that there is.
    fn with_each_end(text: &str) -> [String; 3] {
        ["\n", "\r\n", "\r"].map(|end| text.replace('\n', end))
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = [0xFEFF];
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect()
    }

    #[test]
    fn files_are_read_as_people_export_them() {
        let right = Ok(vec![("A;b".to_owned(), 2), ("C".to_owned(), 7)]);
        for text in [
            "sku,units\nA;b,2\nC,7\n",
            "SKU;Units\n\"A;b\";2\nC;7",
            "\u{feff}name\tunits\tsku\n-\t2.0\tA;b\n\t\t\n\"x\ty\"\t7,00\tC\n",
            "sep=;\nsku;units\n\"A;b\";2\n\nC;7\n",
            "note,sku,units\n\"two\nlines\",A;b,2\n5\" and \"a \"\"b\"\"\",C,\"7\"\n\n",
        ]
        .map(with_each_end)
        .as_flattened()
        {
            let read = |bytes: &[u8]| csv(bytes, Form::default(), Repeated::Refused);
            assert_eq!(read(text.as_bytes()), right, "{text}");
            let text = text.trim_start_matches('\u{feff}');
            assert_eq!(read(&utf16(text, u16::to_le_bytes)), right, "{text}");
            assert_eq!(read(&utf16(text, u16::to_be_bytes)), right, "{text}");
        }
        let form = Form {
            separator: Some(b'|'),
            skip: 2,
            thousands: true,
        };
        let text = "Stock of May\nby Ann, Bob\nsku|units\nA|1,200\nA|1.000.000\n";
        for text in with_each_end(text) {
            let read = csv(text.as_bytes(), form, Repeated::AddedUp);
            assert_eq!(read, Ok(vec![("A".to_owned(), 1_001_200)]));
        }
        for length in [255, 256, 257, 100_000] {
            let note = "n".repeat(length);
            let text = format!("note,sku,units\n{note},A,2\n\"{note}\",C,7");
            let read = csv(text.as_bytes(), Form::default(), Repeated::Refused);
            assert_eq!(read, Ok(vec![("A".to_owned(), 2), ("C".to_owned(), 7)]));
        }
    }

    #[test]
    fn a_number_is_what_its_marks_say_in_any_country() {
        let read = |text: &str, thousands| {
            let form = Form {
                separator: Some(b'|'),
                skip: 0,
                thousands,
            };
            let list = format!("sku|units\nA|{text}\n");
            csv(list.as_bytes(), form, Repeated::Refused)
                .ok()
                .map(|list| list[0].1)
        };
        for (text, unsaid, said) in [
            ("1,200", None, Some(1_200)),
            ("1.200.000", None, Some(1_200_000)),
            ("1.200,00", Some(1_200), Some(1_200)),
            ("1,200.0", Some(1_200), Some(1_200)),
            ("1.200,000", Some(1_200), Some(1_200)),
            ("1.200.300,000", Some(1_200_300), Some(1_200_300)),
            ("0,000", Some(0), Some(0)),
            ("0,500", None, None),
            ("1.200,500", None, None),
            ("1.200,300.000", None, None),
            ("0.200.000", None, None),
            ("1200,000", None, None),
            ("12,00,000", None, None),
        ] {
            assert_eq!(
                (read(text, false), read(text, true)),
                (unsaid, said),
                "{text}"
            );
        }
    }

    #[test]
    fn the_first_fault_is_answered_with_its_line() {
        for (text, fault) in [
            ("", "is empty"),
            ("sku,units\n", "no line with a SKU"),
            (
                "Title\nsku,units\nA,1\n",
                "line 1: there is no column sku; there are: Title",
            ),
            (
                "sku,unit\nA,1\n",
                "line 1: there is no column units; there are: sku, unit",
            ),
            (
                "sku,units,Units,units\nA,1,2,3\n",
                "line 1: there is more than one column units",
            ),
            (
                "sku,Units,UNITS\nA,1,2\n",
                "line 1: there is more than one column units",
            ),
            (
                "sku,units\nA,1\n\nB,x\nC,y\n",
                "line 4: units \"x\" is no whole number",
            ),
            (
                "sku,units\nA,\"1,200\"\n",
                "line 2: units \"1,200\" may be thousands",
            ),
            (
                "sku,units\nA,1.5\n",
                "line 2: units \"1.5\" is no whole number",
            ),
            ("sku,units\nA,-1\n", "line 2: -1 units are fewer than none"),
            (
                "sku,units\nA,1\nB\n",
                "line 3: 1 fields where the header has 2",
            ),
            (
                "sku,units\nA,1\nB,2\nA,3\n",
                "line 4: A is counted already on line 2",
            ),
            ("sku,units\n,1\n", "line 2: sku is empty"),
            (
                "sku,units\nA,1099511627777\n",
                "line 2: a stock has at most",
            ),
            ("sku,units\n..,1\n", "line 2: a SKU has"),
            (
                "sku,units,note\nA,1,\"far\nB,2,\nC,3,\n",
                "line 2: a quote is not closed",
            ),
            ("sku,units\nA,1\n\nB,\"2\n", "line 4: a quote is not closed"),
            ("sku,\"units\nA,1\n", "line 1: a quote is not closed"),
        ] {
            for text in with_each_end(text) {
                let error = csv(text.as_bytes(), Form::default(), Repeated::Refused).unwrap_err();
                assert!(error.contains(fault), "{text:?}: {error}");
            }
        }
        let damaged = csv(b"\xFF\xFEa", Form::default(), Repeated::Refused);
        assert!(damaged.unwrap_err().contains("UTF-16"));
    }

    #[test]
    fn a_line_has_ten_thousand_columns_at_most() {
        let commas = |count: usize| ",".repeat(count);
        let read = |text: String| csv(text.as_bytes(), Form::default(), Repeated::Refused);
        for quote in ["", "a\"", "\"\n\""] {
            let header = |columns: usize| format!("sku,units,{quote}{}\n", commas(columns - 3));
            let list = |columns: usize| format!("{}A,1{}\n", header(columns), commas(columns - 2));
            assert_eq!(read(list(10_000)), Ok(vec![("A".to_owned(), 1)]));
            let fault = read(list(10_001)).unwrap_err();
            assert_eq!(fault, "line 1: there are more than 10000 columns");
        }
        let fault = read(format!("sku,units\nA{}\n", commas(9_999))).unwrap_err();
        assert_eq!(fault, "line 2: 10000 fields where the header has 2");
        let fault = read(format!("sku,units\nA{}\n", commas(10_000))).unwrap_err();
        assert_eq!(fault, "line 2: there are more than 10000 columns");
    }

    #[test]
    fn json_lines_are_read_and_their_first_fault_is_answered() {
        let read =
            |text: &str| Stocklist::from_json_lines(text.as_bytes(), MOST, Repeated::AddedUp);
        let text = "\u{feff}{\"sku\":\"a\",\"units\":1}\r\n\n{\"units\":2.0,\"available\":9,\"sku\":\"a\"}";
        let list = read(text).unwrap();
        assert_eq!((list.lines, list.units["a"]), (2, (1, 3)));
        let line = |sku: &str| format!("{{\"sku\":\"{sku}\",\"units\":1}}\n");
        for (text, fault) in [
            ("", "no line"),
            (
                "{\"sku\":\"a\",\"units\":1}\n{\"sku\":\"a\"}",
                "line 2: missing field `units`",
            ),
            ("[\"a\",1]", "line 1: invalid type"),
            (
                "{\"sku\":\"a\",\"Units\":1}",
                "line 1: missing field `units`",
            ),
            (
                &(["a", "b", "a", "c", "d"].map(line).concat() + "{}"),
                "line 5: there can be 3 SKUs in all",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.why.contains(fault), "{text}: {error:?}");
            assert_eq!(error.is_full, fault.contains("in all"));
        }
    }
}

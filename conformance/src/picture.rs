//! A history as a picture: a lane for each thread, a bar for each call.

use crate::explain::{Explanation, Fault};
use crate::history::History;
use crate::words::{answered, time, units};
use segstock_model::{Call, Op, Outcome, Refusal};
use std::collections::BTreeMap;
use std::fmt;

/// The most bars of a picture: more cannot be read.
const MOST_CALLS: usize = 60;

/// The most calls before the window that are drawn for a wrong number.
const MOST_BEFORE: usize = 4;

/// In pixels.
const MARGIN: usize = 110;
const TOP: usize = 44;
const LANE: usize = 56;
const BAR: usize = 36;
const LETTER: usize = 7;
const GAP: usize = 14;

/// Draws a history as SVG: a lane for each thread, a bar for each call, from left to right in the
/// sequence of their stamps.
///
/// The picture shows which call began before which other returned. The distance of two stamps is what their labels
/// need; the stamps are written below. With an explanation, the calls of its window and those beside it are drawn, the
/// offending call in red, with the words below. Without one, the last calls of the history are drawn.
///
/// # Examples
///
/// ```
/// use segstock_conformance::{Call, History, svg};
/// use segstock_model::{Op, Outcome, Refusal};
///
/// let call = Call::new(0, 10, 40, Op::Deduct(2), Outcome::Done);
/// let picture = svg(&History::new(2, vec![call])?, None);
/// assert!(picture.starts_with("<svg") && picture.contains("deduct(2)"));
/// # Ok::<(), segstock_conformance::HistoryError>(())
/// ```
#[must_use]
pub fn svg(history: &History, why: Option<&Explanation>) -> String {
    let calls = chosen(history.calls(), why);
    let left_out = history.calls().len() - calls.len();
    Picture::lay_out(calls, why, history, left_out).to_string()
}

/// The calls to draw, in the sequence of their first stamps.
fn chosen(calls: &[Call], why: Option<&Explanation>) -> Vec<Call> {
    let Some(why) = why else {
        return calls[calls.len().saturating_sub(MOST_CALLS)..].to_vec();
    };
    let begin = why.window.iter().map(|call| call.called).min().unwrap_or(0);
    let end = why.offender.returned;
    let beside = calls
        .iter()
        .filter(|call| call.called <= end && begin <= call.returned);
    let mut chosen: Vec<Call> = beside.copied().collect();
    // The wrong number was left by a call that returned before the window.
    if why.fault == Fault::Number {
        let changed = |call: &&Call| Look::of(call, Some(why)) == Look::Changed;
        let before = calls.iter().filter(|call| call.returned < begin);
        let mut before: Vec<Call> = before.filter(changed).copied().collect();
        before.sort_by_key(|call| call.returned);
        chosen.extend_from_slice(&before[before.len().saturating_sub(MOST_BEFORE)..]);
    }
    // The calls that the words name come first, then those nearest to the offender.
    chosen.sort_by_key(|call| {
        (
            !is_in_window(call, why),
            why.offender.called.abs_diff(call.called),
        )
    });
    chosen.truncate(MOST_CALLS);
    chosen.sort_by_key(|call| call.called);
    chosen
}

/// Whether both are one call, though their answers may be written in two ways.
fn is_same(one: &Call, other: &Call) -> bool {
    (one.thread, one.called, one.returned) == (other.thread, other.called, other.returned)
}

fn is_in_window(call: &Call, why: &Explanation) -> bool {
    why.window.iter().any(|other| is_same(call, other))
}

/// What a bar looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Offender,
    Changed,
    Refused,
    Read,
    Unknown,
}

impl Look {
    const LEGEND: [(Self, &'static str); 5] = [
        (Self::Offender, "no order explains it"),
        (Self::Changed, "done"),
        (Self::Refused, "refused"),
        (Self::Read, "read"),
        (Self::Unknown, "unknown outcome"),
    ];

    fn of(call: &Call, why: Option<&Explanation>) -> Self {
        match call.outcome {
            _ if why.is_some_and(|why| is_same(call, &why.offender)) => Self::Offender,
            Outcome::Refused(_) => Self::Refused,
            Outcome::Unknown => Self::Unknown,
            _ if call.op.is_read() => Self::Read,
            _ => Self::Changed,
        }
    }

    /// Colours of the area and of its border.
    const fn style(self) -> &'static str {
        match self {
            Self::Offender => "fill=\"#fbd3d3\" stroke=\"#c01818\" stroke-width=\"3\"",
            Self::Changed => "fill=\"#d3e6f8\" stroke=\"#2f6ca3\"",
            Self::Refused => "fill=\"#fdebc8\" stroke=\"#a56a08\"",
            Self::Read => "fill=\"#e8e8e8\" stroke=\"#6b6b6b\"",
            Self::Unknown => "fill=\"#ffffff\" stroke=\"#6b6b6b\" stroke-dasharray=\"5 3\"",
        }
    }
}

struct Bar {
    call: Call,
    look: Look,
    /// Whether the words do not name the call.
    pale: bool,
    lane: usize,
    from: usize,
    to: usize,
}

struct Picture<'a> {
    why: Option<&'a Explanation>,
    bars: Vec<Bar>,
    threads: Vec<usize>,
    /// Where each stamp is, and the stamp.
    stamps: Vec<(usize, u64)>,
    width: usize,
    initial: u64,
    history: &'a History,
    left_out: usize,
}

impl<'a> Picture<'a> {
    fn lay_out(
        calls: Vec<Call>,
        why: Option<&'a Explanation>,
        history: &'a History,
        left_out: usize,
    ) -> Self {
        let mut lanes: BTreeMap<usize, usize> = calls.iter().map(|call| (call.thread, 0)).collect();
        lanes
            .values_mut()
            .enumerate()
            .for_each(|(lane, of)| *of = lane);
        let mut bars: Vec<Bar> = calls
            .into_iter()
            .map(|call| Bar {
                look: Look::of(&call, why),
                pale: why.is_some_and(|why| !is_in_window(&call, why)),
                lane: lanes[&call.thread],
                call,
                from: 0,
                to: 0,
            })
            .collect();
        // The stamp, whether it is a return, and of which bar. At one stamp a call comes before a return, so that
        // calls that may overlap are drawn so.
        let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * bars.len());
        for (index, bar) in bars.iter().enumerate() {
            events.push((bar.call.called, false, index));
            events.push((bar.call.returned, true, index));
        }
        events.sort_unstable();
        let mut stamps = Vec::new();
        let mut x = MARGIN;
        for (at, is_return, index) in events {
            let bar = &mut bars[index];
            x += GAP;
            if is_return {
                x = x.max(bar.from + bar.label_width());
                bar.to = x;
            } else {
                // Beside a call of the same thread that returned at the same stamp.
                bar.from = x;
            }
            if at < u64::MAX {
                stamps.push((x, at));
            }
        }
        let threads = lanes.into_keys().collect();
        let width = x + MARGIN / 2;
        Self {
            why,
            bars,
            threads,
            stamps,
            width,
            initial: history.initial(),
            history,
            left_out,
        }
    }

    fn draw(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bottom = TOP + LANE * self.threads.len();
        let words: Vec<String> = self
            .why
            .map_or_else(Vec::new, |why| wrapped(&why.to_string()));
        let text_from = bottom + 76;
        let height = text_from + 20 * words.len() + 10;
        let width = self.width.max(800);
        writeln!(
            to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"12\" role=\"img\">"
        )?;
        writeln!(to, "<title>A history of {} calls</title>", self.bars.len())?;
        writeln!(
            to,
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
        )?;
        let others = match self.left_out {
            0 => String::new(),
            others => format!("; {others} other calls are not drawn"),
        };
        let fault = self
            .why
            .map_or_else(String::new, |why| format!("{}; ", why.fault));
        writeln!(
            to,
            "<text x=\"12\" y=\"24\" font-size=\"14\">{fault}opened with {} in stock{others}</text>",
            units(self.initial)
        )?;
        self.draw_lanes(to, width)?;
        for bar in &self.bars {
            bar.draw(to)?;
        }
        self.draw_stamps(to, bottom)?;
        draw_legend(to, bottom + 44)?;
        for (line, text) in words.iter().enumerate() {
            let y = text_from + 20 * line;
            writeln!(
                to,
                "<text x=\"12\" y=\"{y}\" xml:space=\"preserve\">{}</text>",
                escaped(text)
            )?;
        }
        writeln!(to, "</svg>")
    }

    fn draw_lanes(&self, to: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        for (lane, thread) in self.threads.iter().enumerate() {
            let y = TOP + LANE * lane;
            let shade = if lane % 2 == 0 { "#f5f7f9" } else { "#ffffff" };
            writeln!(
                to,
                "<rect y=\"{y}\" width=\"{width}\" height=\"{LANE}\" fill=\"{shade}\"/>"
            )?;
            let y = y + LANE / 2 + 4;
            let name = escaped(&self.history.thread_name(*thread));
            writeln!(
                to,
                "<text x=\"12\" y=\"{y}\" fill=\"#333333\">{name}</text>"
            )?;
        }
        Ok(())
    }

    /// Writes the stamps, and leaves out those that would cover the one before.
    fn draw_stamps(&self, to: &mut fmt::Formatter<'_>, bottom: usize) -> fmt::Result {
        let mut free = 0;
        for &(x, at) in &self.stamps {
            let label = time(at);
            let half = label.chars().count() * LETTER / 2;
            if x < free + half {
                continue;
            }
            free = x + half + GAP;
            let (line, y) = (bottom + 6, bottom + 20);
            writeln!(to, "<path d=\"M{x} {bottom}V{line}\" stroke=\"#888888\"/>")?;
            writeln!(
                to,
                "<text x=\"{x}\" y=\"{y}\" fill=\"#555555\" font-size=\"11\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f)
    }
}

impl Bar {
    fn answer(&self) -> String {
        match self.call.outcome {
            Outcome::Refused(Refusal::Short {
                available: Some(units),
            }) => format!("refused, at most {units}"),
            Outcome::Refused(Refusal::Overflow {
                on_hand: Some(units),
            }) => format!("refused, {units} on hand"),
            Outcome::Refused(Refusal::Expired) => "refused, expired".to_owned(),
            Outcome::Refused(_) => "refused".to_owned(),
            Outcome::Snapshot(sums) | Outcome::ExactSnapshot(sums) => format!(
                "{}+{} in, {}+{} left, {} sold",
                sums.initial, sums.restocked, sums.available, sums.reserved, sums.sold
            ),
            outcome => outcome.to_string(),
        }
    }

    fn op(&self) -> String {
        match self.call.op {
            Op::Place { key, units, ttl } => format!("place(#{key}, {units}, {ttl})"),
            Op::Confirm { key } => format!("confirm(#{key})"),
            Op::ReleaseHold { key } => format!("release_hold(#{key})"),
            Op::Advance { by } => format!("advance({by})"),
            op => op.to_string(),
        }
    }

    fn label_width(&self) -> usize {
        let letters = self.op().chars().count().max(self.answer().chars().count());
        letters * LETTER + 14
    }

    fn draw(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from, to: until, ..
        } = *self;
        let y = TOP + LANE * self.lane + (LANE - BAR) / 2;
        let (middle, width) = (usize::midpoint(from, until), until - from);
        let (op_y, answer_y) = (y + 15, y + 30);
        let opacity = if self.pale { " opacity=\"0.5\"" } else { "" };
        let title = escaped(&format!(
            "{}, from {} to {}",
            answered(&self.call),
            time(self.call.called),
            time(self.call.returned)
        ));
        writeln!(
            to,
            "<g text-anchor=\"middle\"{opacity}><title>{title}</title>"
        )?;
        let style = self.look.style();
        writeln!(
            to,
            "<rect x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"4\" {style}/>"
        )?;
        let (op, answer) = (escaped(&self.op()), escaped(&self.answer()));
        writeln!(
            to,
            "<text x=\"{middle}\" y=\"{op_y}\" font-weight=\"bold\">{op}</text>"
        )?;
        writeln!(
            to,
            "<text x=\"{middle}\" y=\"{answer_y}\" font-size=\"11\">{answer}</text></g>"
        )
    }
}

fn draw_legend(to: &mut fmt::Formatter<'_>, y: usize) -> fmt::Result {
    let mut x = 12;
    for (look, name) in Look::LEGEND {
        let (top, text_x) = (y - 11, x + 30);
        writeln!(
            to,
            "<rect x=\"{x}\" y=\"{top}\" width=\"24\" height=\"14\" rx=\"3\" {}/>",
            look.style()
        )?;
        writeln!(
            to,
            "<text x=\"{text_x}\" y=\"{y}\" font-size=\"11\">{name}</text>"
        )?;
        x = text_x + name.len() * LETTER + 24;
    }
    Ok(())
}

/// The text in lines of at most 100 letters.
fn wrapped(text: &str) -> Vec<String> {
    const LETTERS: usize = 100;
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if line.chars().count() + word.chars().count() > LETTERS {
                lines.push(std::mem::replace(&mut line, "     ".to_owned()));
            }
            if !line.is_empty() || word.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

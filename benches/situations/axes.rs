//! The axes of the plots, all of them logarithmic, and what is written on them.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use std::ops::Range;

/// Places from here to there, of which these have a tick: the library has such a thing for no axis whose
/// labels are not its own.
pub struct Ticked {
    pub range: Range<f64>,
    pub ticks: Vec<f64>,
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        low + (f64::from(high - low) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Where a value stands on the axis, and what is written at each whole number of places, and at some
/// more values.
pub struct Axis {
    pub title: &'static str,
    pub place: fn(f64) -> f64,
    pub text: fn(f64) -> String,
    more: &'static [f64],
}

impl Axis {
    /// The places between these two at which something is written.
    pub fn ticks(&self, left: f64, right: f64) -> Vec<f64> {
        // The logarithm of a thousandth is a little less than it should be.
        const NEAR: f64 = 1e-9;
        let whole = (left - NEAR).ceil() as i64..=(right + NEAR).floor() as i64;
        let whole = whole.map(|place| place as f64);
        let more = self.more.iter().map(|&value| (self.place)(value));
        let more = more.filter(|place| (left..=right).contains(place));
        whole.chain(more).collect()
    }
}

/// The logarithms of 1, 2, 5, 10, 20, … between two logarithms; of a wide range, those of 1, 10, 100, …
pub fn round_figures(low: f64, high: f64) -> Vec<f64> {
    const WIDE: f64 = 5.0;
    let steps: &[f64] = if high - low > WIDE {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let decades = low.floor() as i32..=high.ceil() as i32;
    let figures = decades.flat_map(|decade| {
        let log = move |step: &f64| step.log10() + f64::from(decade);
        steps.iter().map(log)
    });
    figures.filter(|log| (low..=high).contains(log)).collect()
}

/// What such a logarithm is of.
pub fn round_figure(log: f64) -> String {
    let figure = 10f64.powf(log);
    if figure < 0.99 {
        // As many decimals as there are zeros before the digit.
        format!("{figure:.decimals$}", decimals = (-log).ceil() as usize)
    } else {
        crate::table::grouped(figure.round() as u64)
    }
}

pub const THREADS: Axis = Axis {
    title: "threads (log)",
    place: f64::log2,
    text: power_of_two,
    more: &[],
};
pub const SEGMENTS: Axis = Axis {
    title: "segments (log)",
    place: f64::log2,
    text: power_of_two,
    more: &[20.0],
};
/// None left stands where a tenth of a unit would.
pub const LEFT: Axis = Axis {
    title: "units left of a million (log)",
    place: |left| left.max(0.1).log10(),
    text: |x| {
        if x < 0.0 {
            "0".to_owned()
        } else {
            power_of_ten(x)
        }
    },
    more: &[],
};
pub const FLOW: Axis = Axis {
    title: "ns that the flow takes by itself (log)",
    place: f64::log10,
    text: |x| {
        if x == 0.0 {
            "none".to_owned()
        } else {
            power_of_ten(x)
        }
    },
    more: &[],
};
pub const PART: Axis = Axis {
    title: "part of all orders (log of the rest)",
    place: |part| -(1.0 - part).log10(),
    text: |x| format!("{} %", (1e4 - 1e4 * 10f64.powf(-x)).round() / 1e2),
    more: &[0.5],
};

fn power_of_two(x: f64) -> String {
    crate::table::grouped(x.exp2().round() as u64)
}

fn power_of_ten(x: f64) -> String {
    crate::table::grouped(10f64.powf(x).round() as u64)
}

//! The plots, as SVG: both axes are logarithmic, each line has its name at its end, and ours are drawn last and
//! thicker.

use crate::tables::{digits, figures, grouped, groups};
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use segstock_harness::{Figure, Results};
use std::error::Error;

struct Plot<'a> {
    file: &'static str,
    figures: Vec<&'a Figure>,
    /// Where a figure stands, before logarithms are taken.
    point: fn(&Figure) -> Option<(f64, f64)>,
    /// What is written at a place of the x axis.
    text: fn(f64) -> String,
    /// What is written at the axes, and which direction is better.
    axes: [&'static str; 2],
    /// The threads that run at once, where x are threads.
    cores: Option<f64>,
}

fn whole(x: f64) -> String {
    grouped(x.round() as u64)
}

/// Every plot of what was measured: the name of its file, and the SVG document.
pub fn all(bench: &Results) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let curves = |file, name: &str, axis| Plot {
        file,
        figures: figures(bench, |one| one.situation.starts_with(name)),
        point: |one| one.at.zip(one.reliable()),
        text: whole,
        axes: [axis, "ns per call and thread: lower is better ↓"],
        cores: None,
    };
    let plots = [
        Plot {
            // The sharded counters lie on the private atomic.
            figures: figures(bench, |one| {
                "plenty, deduct and restock, sold out".contains(&one.situation)
                    && !"fast-counter, contatori".contains(&one.candidate)
            }),
            point: |one| {
                let threads = one.threads as f64;
                Some((threads, threads * 1e3 / one.reliable()?))
            },
            axes: [
                "threads",
                "million calls a second, all threads: higher is better ↑",
            ],
            cores: Some(bench.cores as f64),
            ..curves("throughput.svg", "", "")
        },
        curves("segments.svg", "cost over segments: ", "segments"),
        Plot {
            // None left stands where a tenth of a unit would.
            point: |one| Some((one.at?.max(0.1), one.reliable()?)),
            ..curves(
                "left.svg",
                "cost over what is left: ",
                "units left of a million",
            )
        },
        Plot {
            // 1 ns stands for no flow.
            text: |ns| match ns > 1.0 {
                true => digits(Some(ns)),
                false => "none".to_owned(),
            },
            axes: [
                "ns that the flow takes by itself",
                "ns per order and thread, flow and all: lower is better ↓",
            ],
            ..curves("selection.svg", "choosing a segment: ", "")
        },
        Plot {
            figures: figures(bench, |one| {
                let shown = ["lock", ", 4, random", ", 20, random", "thread", "held"];
                let is_shown = shown.iter().any(|end| one.candidate.ends_with(end));
                one.situation == "order flow" && is_shown
            }),
            point: |one| Some((1.0 / (1.0 - one.at?), one.value?)),
            text: |rest| format!("{} %", (1e3 - 1e3 / rest).round() / 10.0),
            axes: [
                "part of all orders",
                "ms from order to receipt, at the most: lower is better ↓",
            ],
            ..curves("latency.svg", "", "")
        },
    ];
    let has_points = |plot: &&Plot<'_>| plot.figures.iter().any(|one| (plot.point)(one).is_some());
    let drawn = plots.iter().filter(has_points);
    drawn.map(|plot| Ok((plot.file, plot.svg()?))).collect()
}

/// Far enough apart for those who see fewer colours: Wong's palette first.
const COLOURS: [u32; 9] = [
    0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x785014, 0x3c3c3c, 0xa0a0a0,
];
const PANEL: (i32, i32) = (580, 400);
/// The room for names at the right of a panel.
const NAMES: i32 = 170;

/// The name of a line, and its points.
type Line = (String, Vec<(f64, f64)>);
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot<'_> {
    fn svg(&self) -> Result<String, Box<dyn Error>> {
        let panels = groups(&self.figures, |one| one.situation.clone());
        // Two beside each other can still be read.
        let columns = panels.len().min(2);
        let rows = panels.len().div_ceil(columns);
        let size = (
            PANEL.0 as u32 * columns as u32,
            PANEL.1 as u32 * rows as u32,
        );
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            root.fill(&WHITE)?;
            for (area, (name, figures)) in root.split_evenly((rows, columns)).iter().zip(panels) {
                let lines = groups(&figures, |one| one.candidate.clone()).into_iter();
                let points =
                    |line: &[&Figure]| line.iter().filter_map(|&one| (self.point)(one)).collect();
                let mut lines: Vec<Line> =
                    lines.map(|(name, line)| (name, points(&line))).collect();
                lines.retain(|line| !line.1.is_empty());
                lines.sort_by_key(|line| is_ours(&line.0));
                self.panel(area, name.rsplit(": ").next().unwrap_or(&name), &lines)?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    /// The colour of a name in all panels.
    fn colour(&self, name: &str) -> RGBColor {
        let names = groups(&self.figures, |one| one.candidate.clone());
        let at = names.iter().position(|one| one.0 == name).unwrap_or(0);
        let [_, red, green, blue] = COLOURS[at % COLOURS.len()].to_be_bytes();
        RGBColor(red, green, blue)
    }

    fn panel(&self, area: &Area<'_>, title: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
        let points = lines.iter().flat_map(|line| line.1.clone());
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.unzip();
        for values in [&mut x, &mut y] {
            values.sort_by(f64::total_cmp);
            values.dedup();
        }
        let (left, right) = (x[0], x[x.len() - 1].max(x[0] * 1.001));
        let (low, high) = (y[0] / 1.35, y[y.len() - 1] * 1.35);
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 16))
            .margin(12)
            .margin_right(NAMES)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(
                (left..right).log_scale().with_key_points(x),
                (low..high)
                    .log_scale()
                    .with_key_points(round_figures(low, high)),
            )?;
        if let Some(cores) = self.cores.filter(|&cores| cores < right) {
            let beyond = Rectangle::new([(cores, low), (right, high)], BLACK.mix(0.05).filled());
            chart.draw_series([beyond])?;
            let (name, font) = (" more threads than cores", ("sans-serif", 11));
            chart.draw_series([Text::new(name, (cores, high), font)])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(format!("{} (log)", self.axes[0]))
            .y_desc(format!("{} (log)", self.axes[1]))
            .x_label_formatter(&|&x| (self.text)(x))
            .y_label_formatter(&|&y| if y < 1.0 { y.to_string() } else { whole(y) })
            .draw()?;
        let (corner, mut ends) = (area.get_base_pixel(), Vec::new());
        for (name, points) in lines {
            let (colour, width) = (self.colour(name), if is_ours(name) { 4 } else { 1 });
            let line = LineSeries::new(points.clone(), colour.stroke_width(width));
            chart.draw_series(line.point_size(1 + width / 2))?;
            let (x, y) = chart.backend_coord(&points[points.len() - 1]);
            ends.push((y - corner.1, x - corner.0, name));
        }
        // The names stand where the lines end, or as near as there is room.
        ends.sort_unstable();
        let heights = spread(ends.iter().map(|end| end.0).collect());
        let x = PANEL.0 - NAMES + 14;
        for ((end_y, end_x, name), y) in ends.into_iter().zip(heights) {
            let colour = self.colour(name);
            let leader = [(end_x, end_y), (x - 3, y)];
            area.draw(&PathElement::new(leader, colour.mix(0.5)))?;
            let style = [FontStyle::Normal, FontStyle::Bold][usize::from(is_ours(name))];
            let font = FontDesc::new(FontFamily::SansSerif, 12.0, style).color(&colour);
            area.draw(&Text::new(name.as_str(), (x, y - 6), font))?;
        }
        Ok(())
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with("Stock") || name.starts_with("LockedStock")
}

/// The heights moved as little as needed, in their order, for a line of text at each, inside the panel.
fn spread(mut heights: Vec<i32>) -> Vec<i32> {
    const LINE: i32 = 13;
    for at in 1..heights.len() {
        heights[at] = heights[at].max(heights[at - 1] + LINE);
    }
    let mut limit = PANEL.1 - 50;
    for height in heights.iter_mut().rev() {
        *height = limit.min(*height);
        limit = *height - LINE;
    }
    heights
}

/// 1, 2, 5, 10, 20, … between two figures; in a wide range 1, 10, 100, …
fn round_figures(low: f64, high: f64) -> Vec<f64> {
    let steps = if high / low > 1e4 { 1 } else { 3 };
    let decade = |decade| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(decade));
    let figures = (-3..9).flat_map(|at| decade(at).into_iter().take(steps));
    figures
        .filter(|figure| (low..=high).contains(figure))
        .collect()
}

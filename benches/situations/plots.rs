//! The plots, as SVG.

use crate::axes::{Axis, FLOW, LEFT, PART, SEGMENTS, THREADS, Ticked, round_figure, round_figures};
use crate::counters::Counter;
use crate::curves;
use crate::flows::Held;
use crate::results::Results;
use crate::support::cpu;
use crate::support::windows::Figure;
use plotters::coord::Shift;
use plotters::prelude::*;
use segstock::Selection;
use std::error::Error;
use std::io;

/// One line: its name, and its points.
type Line = (String, Vec<(f64, f64)>);

struct Panel {
    title: String,
    lines: Vec<Line>,
}

pub struct Plot {
    pub file: &'static str,
    x: Axis,
    y: &'static str,
    /// A value of the x axis, and what is there.
    marked: Option<(f64, &'static str)>,
    panels: Vec<Panel>,
}

/// All plots of what was measured.
pub fn all(results: &Results) -> Vec<Plot> {
    let plots = [
        Plot {
            file: "throughput.svg",
            x: THREADS,
            y: "million calls a second, all threads (log)",
            marked: Some((cpu::cores() as f64, "cores")),
            panels: ["plenty", "take and give back", "sold out"]
                .map(|situation| throughput(results, situation))
                .into(),
        },
        Plot {
            file: "segments.svg",
            x: SEGMENTS,
            y: "ns per call and thread (log)",
            marked: None,
            panels: panels(results, curves::OVER_SEGMENTS),
        },
        Plot {
            file: "left.svg",
            x: LEFT,
            y: "ns per call and thread (log)",
            marked: None,
            panels: panels(results, curves::OVER_WHAT_IS_LEFT),
        },
        Plot {
            file: "selection.svg",
            x: FLOW,
            y: "ns per order and thread, flow and all (log)",
            marked: None,
            panels: panels(results, curves::SELECTION),
        },
        Plot {
            file: "latency.svg",
            x: PART,
            y: "ms from order to receipt, at the most (log)",
            marked: None,
            panels: vec![latency(results)],
        },
    ];
    plots.into_iter().filter_map(Plot::with_points).collect()
}

fn throughput(results: &Results, situation: &str) -> Panel {
    let line = |counter: Counter| {
        let point = |threads: usize| {
            let ns = results.ns(situation, counter, threads)?;
            Some((threads as f64, threads as f64 / ns * 1e3))
        };
        let points: Vec<_> = results.threads().into_iter().filter_map(point).collect();
        (counter.name().to_owned(), points)
    };
    // The sharded ones that cannot refuse lie on the private atomic.
    let shown = Counter::ALL
        .into_iter()
        .filter(|counter| !matches!(counter, Counter::FastSharded | Counter::Contatori));
    Panel {
        title: situation.to_owned(),
        lines: shown.map(line).collect(),
    }
}

fn panels(results: &Results, plot: &str) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for curve in results.curves.iter().filter(|curve| curve.plot == plot) {
        let told = |(x, figure): &(f64, Figure)| Some((*x, figure.told()?));
        let points = curve.points.iter().filter_map(told);
        let line = (curve.line.clone(), points.collect());
        match panels.iter_mut().find(|panel| panel.title == curve.panel) {
            Some(panel) => panel.lines.push(line),
            None => panels.push(Panel {
                title: curve.panel.clone(),
                lines: vec![line],
            }),
        }
    }
    panels
}

fn latency(results: &Results) -> Panel {
    const SHOWN: [Held; 7] = [
        Held::Lock,
        Held::StdLock,
        Held::SegmentLocks(20),
        Held::Locked(4, Selection::Random),
        Held::Locked(20, Selection::Random),
        Held::Locked(20, Selection::ByThread),
        Held::Nothing,
    ];
    let flows = results.flows.iter();
    let shown = flows.filter(|flow| SHOWN.contains(&flow.held));
    let lines = shown.map(|flow| (flow.held.full_name(), flow.latency.clone()));
    Panel {
        title: "an order with its flow".to_owned(),
        lines: lines.collect(),
    }
}

/// Far enough apart for those who see fewer colours, with Wong's palette first.
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(120, 80, 20),
    RGBColor(60, 60, 60),
    RGBColor(160, 160, 160),
];

const WIDTH: u32 = 480;
const HEIGHT: u32 = 380;
/// Of one name of the key, without its letters; and of one of those, about.
const KEY: (u32, u32) = (40, 18);
const LETTER: u32 = 7;

impl Plot {
    /// Without the panels and lines that nothing was measured for, which have no range to draw.
    fn with_points(mut self) -> Option<Self> {
        for panel in &mut self.panels {
            panel.lines.retain(|line| !line.1.is_empty());
        }
        self.panels.retain(|panel| !panel.lines.is_empty());
        (!self.panels.is_empty()).then_some(self)
    }

    /// The plot as an SVG document.
    ///
    /// # Errors
    ///
    /// What the drawing library says.
    pub fn svg(&self) -> Result<String, Box<dyn Error>> {
        let names = self.names();
        // Three beside each other can still be read, and four are two by two.
        let columns = if self.panels.len() == 4 { 2 } else { 3 }.min(self.panels.len());
        let rows = self.panels.len().div_ceil(columns);
        let width = WIDTH * columns as u32;
        let height = HEIGHT * rows as u32;
        let longest = names.iter().map(|name| name.len()).max().unwrap_or(0) as u32;
        let name_width = KEY.0 + longest * LETTER;
        let in_a_row = (width / name_width).max(1);
        let key = (names.len() as u32).div_ceil(in_a_row) * KEY.1 + 10;
        let mut svg = String::new();
        {
            let size = (width, height + key);
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            root.fill(&WHITE)?;
            let (above, below) = root.split_vertically(height);
            for (area, panel) in above.split_evenly((rows, columns)).iter().zip(&self.panels) {
                self.draw(area, panel, &names)?;
            }
            for (at, name) in (0..).zip(&names) {
                let corner = (at % in_a_row * name_width + 20, at / in_a_row * KEY.1);
                draw_key(&below, name, colour(&names, name), corner)?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    /// The lines of all panels: one of the same name has the same colour in each.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.panels.iter().flat_map(|panel| &panel.lines) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    fn draw(&self, area: &Area<'_>, panel: &Panel, names: &[&str]) -> Result<(), Drawing> {
        let points = || panel.lines.iter().flat_map(|line| &line.1);
        let (left, right) = range(points().map(|&(x, _)| (self.x.place)(x)));
        let (low, high) = range(points().map(|&(_, y)| y.log10()));
        let (low, high) = (low - 0.15, high + 0.15);
        let mut chart = ChartBuilder::on(area)
            .caption(&panel.title, ("sans-serif", 16))
            .margin(12)
            .margin_right(36)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(
                Ticked {
                    range: left..right.max(left + 1e-3),
                    ticks: self.x.ticks(left, right),
                },
                Ticked {
                    range: low..high,
                    ticks: round_figures(low, high),
                },
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.x.title)
            .y_desc(self.y)
            .x_label_formatter(&|&x| (self.x.text)(x))
            .y_label_formatter(&|&y| round_figure(y))
            .draw()?;
        let marked = self.marked.map(|(at, what)| ((self.x.place)(at), what));
        if let Some((at, what)) = marked.filter(|(at, _)| (left..=right).contains(at)) {
            let line = PathElement::new([(at, low), (at, high)], BLACK.mix(0.3));
            let name = Text::new(what, (at, high), ("sans-serif", 11));
            chart.draw_series([line])?;
            chart.draw_series([name])?;
        }
        for (name, points) in &panel.lines {
            let colour = colour(names, name);
            let places: Vec<_> = points
                .iter()
                .map(|&(x, y)| ((self.x.place)(x), y.log10()))
                .collect();
            let line = LineSeries::new(places.clone(), colour.stroke_width(2));
            chart.draw_series(line)?;
            chart.draw_series(places.iter().map(|&at| Circle::new(at, 3, colour.filled())))?;
        }
        Ok(())
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawing = DrawingAreaErrorKind<io::Error>;

fn colour(names: &[&str], name: &str) -> RGBColor {
    let at = names.iter().position(|one| *one == name);
    COLOURS[at.unwrap_or_default() % COLOURS.len()]
}

fn draw_key(
    area: &Area<'_>,
    name: &str,
    colour: RGBColor,
    (x, y): (u32, u32),
) -> Result<(), Drawing> {
    let (x, y) = (x as i32, y as i32);
    let line = [(x, y + 6), (x + 16, y + 6)];
    area.draw(&PathElement::new(line, colour.stroke_width(2)))?;
    area.draw(&Text::new(name, (x + 22, y), ("sans-serif", 12)))
}

fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    (low, values.fold(f64::NEG_INFINITY, f64::max))
}

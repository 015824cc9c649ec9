//! The plots, as SVG.

use crate::counters::Counter;
use crate::curves;
use crate::results::Results;
use crate::support::windows::Figure;
use plotters::coord::Shift;
use plotters::prelude::*;
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
    panels: Vec<Panel>,
}

/// Where a value stands on the axis, and what is written at each whole number of it.
struct Axis {
    title: &'static str,
    place: fn(f64) -> f64,
    text: fn(f64) -> String,
}

const THREADS: Axis = Axis {
    title: "threads",
    place: f64::log2,
    text: power_of_two,
};
const SEGMENTS: Axis = Axis {
    title: "segments",
    place: f64::log2,
    text: power_of_two,
};
/// None left stands where a tenth of a unit would.
const LEFT: Axis = Axis {
    title: "units left of a million",
    place: |left| left.max(0.1).log10(),
    text: |x| {
        if x < 0.0 {
            "0".to_owned()
        } else {
            power_of_ten(x)
        }
    },
};
const FLOW: Axis = Axis {
    title: "ns that the flow takes by itself; 1: no flow",
    place: f64::log10,
    text: power_of_ten,
};
const PART: Axis = Axis {
    title: "part of all orders",
    place: |part| -(1.0 - part).log10(),
    text: |x| format!("{} %", 100.0 - 100.0 * 10f64.powf(-x)),
};

fn power_of_two(x: f64) -> String {
    format!("{}", x.exp2())
}

fn power_of_ten(x: f64) -> String {
    crate::table::grouped(10f64.powf(x).round() as u64)
}

/// All plots of what was measured.
pub fn all(results: &Results) -> Vec<Plot> {
    let plots = [
        Plot {
            file: "throughput.svg",
            x: THREADS,
            y: "million calls a second, all threads",
            panels: ["plenty", "take and give back", "sold out"]
                .map(|situation| throughput(results, situation))
                .into(),
        },
        Plot {
            file: "segments.svg",
            x: SEGMENTS,
            y: "ns per call and thread",
            panels: panels(results, curves::OVER_SEGMENTS),
        },
        Plot {
            file: "left.svg",
            x: LEFT,
            y: "ns per call and thread",
            panels: panels(results, curves::OVER_WHAT_IS_LEFT),
        },
        Plot {
            file: "selection.svg",
            x: FLOW,
            y: "ns per order and thread, flow and all",
            panels: panels(results, curves::SELECTION),
        },
        Plot {
            file: "latency.svg",
            x: PART,
            y: "ms from order to receipt, at the most",
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
    const SHOWN: [usize; 4] = [1, 4, 20, 64];
    let flows = results
        .flows
        .iter()
        .filter(|flow| SHOWN.contains(&flow.segments));
    let lines = flows.map(|flow| {
        let name = match flow.segments {
            1 => "one lock".to_owned(),
            segments => format!("{segments} segments, {}", flow.selection),
        };
        (name, flow.latency.clone())
    });
    Panel {
        title: "an order with its flow under the lock".to_owned(),
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
/// Of one name of the key.
const KEY: (u32, u32) = (160, 18);

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
        let width = WIDTH * self.panels.len() as u32;
        let in_a_row = (width / KEY.0).max(1);
        let key = (names.len() as u32).div_ceil(in_a_row) * KEY.1 + 10;
        let mut svg = String::new();
        {
            let size = (width, HEIGHT + key);
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            root.fill(&WHITE)?;
            let (above, below) = root.split_vertically(HEIGHT);
            for (area, panel) in above
                .split_evenly((1, self.panels.len()))
                .iter()
                .zip(&self.panels)
            {
                self.draw(area, panel, &names)?;
            }
            for (at, name) in (0..).zip(&names) {
                let corner = (at % in_a_row * KEY.0 + 20, at / in_a_row * KEY.1);
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
        let (low, high) = range(points().map(|&(_, y)| y));
        let mut chart = ChartBuilder::on(area)
            .caption(&panel.title, ("sans-serif", 16))
            .margin(12)
            .margin_right(36)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(
                left..right.max(left + 1e-3),
                (low / 1.5..high * 1.5).log_scale(),
            )?;
        let text = |x: &f64| {
            if (x - x.round()).abs() < 1e-6 {
                (self.x.text)(*x)
            } else {
                String::new()
            }
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.x.title)
            .y_desc(self.y)
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(&text)
            .y_label_formatter(&|&y| crate::table::figure(y))
            .draw()?;
        for (name, points) in &panel.lines {
            let colour = colour(names, name);
            let places: Vec<_> = points
                .iter()
                .map(|&(x, y)| ((self.x.place)(x), y))
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

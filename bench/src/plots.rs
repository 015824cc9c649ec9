//! The plots, as SVG: both axes are logarithmic, each line has its name at its end, and ours are drawn last and
//! thicker.

use crate::tables::{figures, grouped, groups};
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use segstock_harness::{Figure, Results};
use std::error::Error;

struct Plot<'a> {
    figures: Vec<&'a Figure>,
    /// Where a figure stands, before logarithms are taken.
    point: fn(&Figure) -> Option<(f64, f64)>,
    /// What is written at the axes, and which direction is better.
    axes: [&'static str; 2],
    /// The threads that run at once, where x are threads.
    cores: Option<f64>,
}

/// Every plot of what was measured: the name of its file, and the SVG document.
pub fn all(bench: &Results) -> Result<[(&'static str, String); 2], Box<dyn Error>> {
    let throughput = Plot {
        // The sharded counter lies on the private atomic.
        figures: figures(bench, |one| {
            "plenty, deduct and restock, sold out".contains(&one.situation)
                && one.candidate != "fast-counter"
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
    };
    let latency = Plot {
        figures: figures(bench, |one| {
            let shown = ["lock", ", 4, random", ", 20, random", "thread", "::new"];
            let is_shown = shown.iter().any(|end| one.candidate.ends_with(end));
            one.situation.starts_with("order flow: ") && is_shown
        }),
        point: |one| one.at.zip(one.value),
        axes: [
            "all but one order of",
            "ms from order to receipt, at the most: lower is better ↓",
        ],
        cores: None,
    };
    Ok([
        ("throughput.svg", throughput.svg()?),
        ("latency.svg", latency.svg()?),
    ])
}

/// Far enough apart for those who see fewer colours: Wong's palette first.
const COLOURS: [u32; 9] = [
    0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x785014, 0x3c3c3c, 0xa0a0a0,
];
const PANEL: (i32, i32) = (580, 400);
/// The room for names at the right of a panel.
const NAMES: i32 = 170;
/// The height of a name.
const LINE: i32 = 13;

/// The name of a line, and its points.
type Line = (String, Vec<(f64, f64)>);
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot<'_> {
    fn svg(&self) -> Result<String, Box<dyn Error>> {
        let mut figures = self.figures.clone();
        figures.retain(|one| (self.point)(one).is_some());
        let panels = groups(&figures, |one| one.situation.clone());
        // Two beside each other can still be read.
        let columns = panels.len().clamp(1, 2);
        let rows = panels.len().div_ceil(columns).max(1);
        let size = (PANEL.0 * columns as i32, PANEL.1 * rows as i32);
        let mut svg = String::new();
        {
            let backend = SVGBackend::with_string(&mut svg, (size.0 as u32, size.1 as u32));
            let root = backend.into_drawing_area();
            root.fill(&WHITE)?;
            for (area, (title, figures)) in root.split_evenly((rows, columns)).iter().zip(panels) {
                self.panel(
                    area,
                    title.trim_start_matches("order flow: "),
                    &self.lines(&figures),
                )?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    /// Ours are the last, so that they are drawn over the others.
    fn lines(&self, figures: &[&Figure]) -> Vec<Line> {
        let points = |line: Vec<&Figure>| line.into_iter().filter_map(self.point).collect();
        let lines = groups(figures, |one| one.candidate.clone()).into_iter();
        let mut lines: Vec<Line> = lines.map(|(name, line)| (name, points(line))).collect();
        lines.sort_by_key(|line| is_ours(&line.0));
        lines
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
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        let (left, right) = (x[0], x[x.len() - 1].max(x[0] * 1.001));
        let (low, high) = (y[0] / 1.35, y[y.len() - 1] * 1.35);
        x.dedup();
        let decade = |at| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(at));
        let mut round: Vec<f64> = (-1..6).flat_map(decade).collect();
        round.retain(|figure| (low..=high).contains(figure));
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 16))
            .margin(12)
            .margin_right(NAMES)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(
                (left..right).log_scale().with_key_points(x),
                (low..high).log_scale().with_key_points(round),
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
            .x_label_formatter(&|&x| grouped(x))
            .y_label_formatter(&|&y| if y < 1.0 { y.to_string() } else { grouped(y) })
            .draw()?;
        let (corner, mut ends) = (area.get_base_pixel(), Vec::new());
        for (name, points) in lines {
            let (colour, width) = (self.colour(name), if is_ours(name) { 4 } else { 1 });
            let line = LineSeries::new(points.clone(), colour.stroke_width(width));
            chart.draw_series(line.point_size(1 + width / 2))?;
            let (x, y) = chart.backend_coord(&points[points.len() - 1]);
            ends.push((y - corner.1, x - corner.0, name));
        }
        // The names stand where the lines end, or below each other.
        ends.sort_unstable();
        let (x, mut y) = (PANEL.0 - NAMES + 14, 0);
        for (end_y, end_x, name) in ends {
            y = end_y.max(y + LINE);
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

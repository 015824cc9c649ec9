//! Tables of figures, as Markdown that can also be read on a terminal.

use comfy_table::{CellAlignment, Table, presets};
use segstock_harness::{Figure, Results};

/// Three digits of it, or a dash.
pub fn digits(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value < 9.95 => format!("{value:.1}"),
        Some(value) => grouped(value),
    }
}

/// The figure, if enough windows count.
pub fn number(figure: &Figure) -> String {
    digits(figure.reliable())
}

/// 1234567.8 as 1,234,568.
pub fn grouped(value: f64) -> String {
    match value.round() as u64 {
        number @ 0..1_000 => number.to_string(),
        number => format!("{},{:03}", grouped((number / 1_000) as f64), number % 1_000),
    }
}

/// The first column and all columns with words stand left, numbers right. Nothing of no rows.
pub fn markdown(header: &[impl ToString], rows: Vec<Vec<String>>) -> String {
    let is_text = |cell: &String| cell.starts_with(char::is_alphabetic);
    let is_left = |column: usize| column == 0 || rows.iter().any(|row| is_text(&row[column]));
    let left: Vec<bool> = (0..header.len()).map(is_left).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).add_rows(rows);
    table.set_header(header.iter().map(ToString::to_string));
    for column in table.column_iter_mut().filter(|one| !left[one.index]) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // The library does not write the mark of a column that stands right.
    let mut lines: Vec<String> = table.trim_fmt().lines().map(str::to_owned).collect();
    let mut rules: Vec<String> = lines[1].split('|').map(str::to_owned).collect();
    for column in (0..left.len()).filter(|&column| !left[column]) {
        rules[column + 1].replace_range(0..1, "");
        rules[column + 1].push(':');
    }
    lines[1] = rules.join("|");
    lines.join("\n") + "\n"
}

/// The figures that are wanted.
pub fn figures(bench: &Results, wanted: impl Fn(&Figure) -> bool) -> Vec<&Figure> {
    let figures = bench.figures.iter();
    figures.filter(|figure| wanted(figure)).collect()
}

/// Groups of figures with one key, in the order of their first figures.
pub fn groups<'a, K: PartialEq>(
    figures: &[&'a Figure],
    key: impl Fn(&Figure) -> K,
) -> Vec<(K, Vec<&'a Figure>)> {
    let mut groups: Vec<(K, Vec<&Figure>)> = Vec::new();
    for figure in figures {
        let key = key(figure);
        match groups.iter_mut().find(|group| group.0 == key) {
            Some(group) => group.1.push(figure),
            None => groups.push((key, vec![figure])),
        }
    }
    groups
}

/// A row for each name that `row` gives, a column for each that `column` gives, and how many windows count.
pub fn pivot(
    figures: &[&Figure],
    corner: &str,
    row: impl Fn(&Figure) -> String,
    column: impl Fn(&Figure) -> String,
    cell: impl Fn(&Figure) -> String,
) -> String {
    let columns = groups(figures, &column).into_iter().map(|group| group.0);
    let header: Vec<String> = [corner.to_owned()].into_iter().chain(columns).collect();
    let rows = groups(figures, row).into_iter().map(|(name, row)| {
        let cells = header[1..].iter().map(|name| {
            let figure = row.iter().find(|figure| column(figure) == *name);
            figure.map_or_else(String::new, |figure| cell(figure))
        });
        [name].into_iter().chain(cells).collect()
    });
    let table = markdown(&header, rows.collect());
    let windows = |figure: &&Figure| (figure.counted, figure.windows);
    let windows = figures.iter().map(windows);
    match windows.clone().min().zip(windows.max()) {
        Some(((least, all), (most, _))) if least < all => {
            format!("{table}\n{least} to {most} of {all} windows counted.\n")
        }
        _ => table,
    }
}

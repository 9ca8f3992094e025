//! Tables on a terminal, aligned, or in Markdown; with the design's figures beside ours.

/// Distances beyond which cells are counted.
const FAR: [f64; 3] = [2.0, 2.5, 3.0];

pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

pub(crate) struct Cell {
    ours: String,
    /// The design's figure, with our distance from it.
    design: Option<(String, Option<f64>)>,
}

/// How tables are printed.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) markdown: bool,
    /// Without the design's figures.
    pub(crate) plain: bool,
}

impl Cell {
    pub(crate) fn beside(ours: String, design: Option<(&str, f64)>) -> Cell {
        Cell { ours, design: design.map(|(figure, distance)| (figure.to_owned(), Some(distance))) }
    }

    /// Beside a figure that is no sample.
    pub(crate) fn near(ours: String, figure: Option<&str>) -> Cell {
        Cell { ours, design: figure.map(|figure| (figure.to_owned(), None)) }
    }

    fn text(&self, style: Style) -> String {
        match &self.design {
            Some((figure, Some(distance))) if !style.plain => {
                format!("{} [{figure}, {distance:+.1}]", self.ours)
            }
            Some((figure, None)) if !style.plain => format!("{} [{figure}]", self.ours),
            Some(_) | None => self.ours.clone(),
        }
    }
}

impl From<String> for Cell {
    fn from(ours: String) -> Cell {
        Cell { ours, design: None }
    }
}

impl Table {
    pub(crate) fn new(title: String, head: impl IntoIterator<Item = impl Into<String>>) -> Table {
        Table { title, head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, labels: &[&str], cells: impl IntoIterator<Item = Cell>) {
        let labels = labels.iter().map(|label| Cell::from((*label).to_owned()));
        self.rows.push(labels.chain(cells).collect());
    }

    pub(crate) fn print(&self, style: Style) {
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| cell.text(style)).collect()).collect();
        if style.markdown {
            println!("**{}**\n", self.title);
            println!("| {} |", self.head.join(" | "));
            println!("|{}", "---|".repeat(self.head.len()));
            rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
        } else {
            println!("{}", self.title);
            let all = || [&self.head].into_iter().chain(&rows);
            let width =
                |at: usize| all().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
            for row in all() {
                let cells = row.iter().enumerate().map(|(column, cell)| {
                    let width = width(column).unwrap_or(0);
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                });
                println!("  {}", cells.collect::<Vec<_>>().join("  "));
            }
        }
        if let Some(summary) = self.summary() {
            println!("\n{summary}");
        }
        println!();
    }

    /// How many cells are how far from the design's.
    fn summary(&self) -> Option<String> {
        let mut far: Vec<(f64, String)> = Vec::new();
        for row in &self.rows {
            let labels: Vec<&str> =
                row.iter().take_while(|cell| cell.design.is_none()).map(|cell| cell.ours.as_str()).collect();
            for (cell, column) in row.iter().zip(&self.head) {
                if let Some((_, Some(distance))) = &cell.design {
                    far.push((*distance, format!("{}, {column}: {distance:+.1}", labels.join(", "))));
                }
            }
        }
        if far.is_empty() {
            return None;
        }
        let beyond = |least: f64| far.iter().filter(|(distance, _)| distance.abs() > least).count();
        let counts: Vec<String> = FAR.iter().map(|far| format!("{} beyond {far}", beyond(*far))).collect();
        let mean = far.iter().map(|(distance, _)| distance).sum::<f64>() / far.len() as f64;
        let worst: Vec<&str> = far
            .iter()
            .filter(|(distance, _)| distance.abs() > FAR[1])
            .map(|(_, text)| text.as_str())
            .collect();
        Some(format!(
            "{} cells beside the design's, {} standard deviations; {mean:+.2} in the mean. {}",
            far.len(),
            counts.join(", "),
            worst.join("; ")
        ))
    }
}

/// Three digits, and no more than the runs can tell.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".to_owned(),
        value if value >= 999_500.0 => format!("{:.2}M", value / 1e6),
        value if value >= 99_950.0 => format!("{:.0}k", value / 1e3),
        value if value >= 9_995.0 => format!("{:.1}k", value / 1e3),
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

pub(crate) fn percent(part: f64) -> String {
    match 100.0 * part {
        0.0 => "0".to_owned(),
        percent if percent >= 9.95 => format!("{percent:.0}%"),
        percent => format!("{percent:.2}%"),
    }
}

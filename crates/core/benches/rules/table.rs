//! Tables on a terminal, aligned, or in Markdown.

pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, head: Vec<String>) -> Table {
        Table { title: title.to_owned(), rows: vec![head] }
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self, markdown: bool) {
        if markdown {
            println!("**{}**\n", self.title);
            for (at, row) in self.rows.iter().enumerate() {
                println!("| {} |", row.join(" | "));
                if at == 0 {
                    println!("|{}", "---|".repeat(row.len()));
                }
            }
        } else {
            println!("{}", self.title);
            let width = |column: usize| {
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
            };
            for row in &self.rows {
                let cells = row.iter().enumerate().map(|(column, cell)| {
                    let width = width(column).unwrap_or(0);
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                });
                println!("  {}", cells.collect::<Vec<_>>().join("  "));
            }
        }
        println!();
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

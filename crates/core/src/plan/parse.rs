//! Reads a plan from YAML, TOML or JSON, and names every mistake in it with its place and its remedy.
//!
//! All three formats become one small tree of values that know where they stand (`tree`); one reader walks it
//! (`cursor`, `document`, `ramp`, `schedule`, `records`, `gates`). It goes on after a mistake, because somebody who has to
//! fix a plan in the night wants the whole list.

mod cursor;
mod decommission;
mod document;
mod gates;
mod json;
mod names;
mod places;
mod ramp;
mod records;
mod schedule;
mod toml;
mod tree;
mod yaml;

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(super) use self::{
    cursor::Keys,
    decommission::DECOMMISSION,
    document::PLAN,
    gates::{
        ACKNOWLEDGEMENT, ALARMS, ALB, API_HTTP, API_REST, BLAST_RADIUS, CLASSIC_ELB, CLOUDFRONT, CUSTOM,
        ERROR_RATE, ERRORS, INCREASE, LATENCY, NAMED_ALARMS, NLB, PROBE, PROBED, PROMETHEUS, SIDES, SLOWER,
    },
    ramp::{RAMP, STEP},
    records::RECORDS,
    schedule::{AT_SHARE, DEADLINE, FREEZE, SCHEDULE, WINDOW},
};
use self::{
    cursor::{Cursor, Notes},
    tree::{Node, Place},
};
use super::Plan;

/// A plan of a thousand record groups is a tenth of this. More is a mistake, or an attack.
const LARGEST_TEXT: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Yaml,
    Toml,
    Json,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of_file(name: &str) -> Option<Format> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }

    /// By a media type; its parameters are ignored.
    pub fn of_content_type(content_type: &str) -> Option<Format> {
        let media_type = content_type.split(';').next()?.trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" | "text/json" => Some(Format::Json),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Some(Format::Yaml),
            "application/toml" | "application/x-toml" | "text/toml" | "text/x-toml" => Some(Format::Toml),
            _ => None,
        }
    }
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// Where in the document, such as `ramp.steps[2].share`; empty for the document itself.
    pub path: String,
    /// Where in the text, counted from 1. Absent when there is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted in characters from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake that has a place in the document and none in a text.
    pub fn new(path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Mistake {
        Mistake {
            path: path.into(),
            line: None,
            column: None,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    fn in_text(place: Place, message: impl Into<String>) -> Mistake {
        let (line, column) = (Some(place.line), Some(place.column));
        Mistake { path: String::new(), line, column, message: message.into(), hint: None }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (Some(line), "") => write!(f, "line {line}: ")?,
            (Some(line), path) => write!(f, "line {line}, {path}: ")?,
            (None, "") => {}
            (None, path) => write!(f, "{path}: ")?,
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Everything that is wrong with a plan, in the order of the text. One line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// The same with lines and columns, found in the text by their paths, where they have none.
    pub fn placed(mut self, text: &str, format: Format) -> Mistakes {
        if let Ok(root) = tree(text, format) {
            let places = places::places(&root);
            for mistake in self.0.iter_mut().filter(|mistake| mistake.line.is_none()) {
                let place = places::nearest(&places, &mistake.path);
                (mistake.line, mistake.column) = (Some(place.line), Some(place.column));
            }
        }
        self
    }

    /// The value, unless there is a mistake.
    pub fn or<T>(self, value: T) -> Result<T, Mistakes> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(mistake, f)?;
        }
        Ok(())
    }
}

/// Reads a plan, and checks everything that can be known without asking AWS.
pub fn parse(text: &str, format: Format) -> Result<Plan, Mistakes> {
    let root = tree(text, format)?;
    let notes = Notes::default();
    match document::plan(&Cursor::root(&root, &notes)) {
        Ok(plan) => notes.into_mistakes().or(plan),
        Err(_) => Err(notes.into_mistakes()),
    }
}

fn tree(text: &str, format: Format) -> Result<Node, Mistakes> {
    if text.len() > LARGEST_TEXT {
        let message =
            format!("the text has {} bytes, more than the {LARGEST_TEXT} a plan may have", text.len());
        return Err(Mistakes(vec![Mistake::in_text(Place::START, message)]));
    }
    match format {
        Format::Yaml => yaml::read(text),
        Format::Toml => toml::read(text),
        Format::Json => json::read(text),
    }
}

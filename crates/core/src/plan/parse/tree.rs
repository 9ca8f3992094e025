//! A document of any format: values that know where in the text they stand.

use super::{Mistake, Mistakes};

/// A plan nests six deep; the rest is room for a mistake to be named as one.
pub(super) const DEEPEST: usize = 32;

pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

pub(super) enum Value {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// As written: keys that are given twice are still here twice.
    Table(Vec<Entry>),
}

pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// A place in the text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) const START: Place = Place { line: 1, column: 1 };
}

/// Turns offsets in a text into places.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    ascii: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts, ascii: text.is_ascii() }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = match self.text.get(start..offset) {
            // Counting is too slow for every value of a long line.
            Some(before) if !self.ascii => before.chars().count(),
            Some(_) | None => offset.saturating_sub(start),
        };
        Place { line: small(line), column: small(before + 1) }
    }
}

pub(super) fn too_deep(place: Place) -> Mistakes {
    Mistakes(vec![Mistake::in_text(place, format!("nested deeper than {DEEPEST} levels"))])
}

/// Texts are bounded, so this never saturates.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

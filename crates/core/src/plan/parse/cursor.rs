//! Walks the tree and collects mistakes.

use std::{cell::RefCell, collections::BTreeMap, str::FromStr};

use super::{
    Mistake, Mistakes,
    tree::{Entry, Node, Place, Value},
};
use crate::plan::{Percent, Span};

/// Nobody reads more than this at once.
pub(super) const MOST_MISTAKES: usize = 100;

/// More than one batch of Route 53 could hold.
const MOST_ITEMS: usize = 1_000;

/// Longer texts are cut where they are quoted.
const LONGEST_QUOTE: usize = 80;

/// Nothing in a plan takes longer than a year.
const LONGEST_HOURS: i64 = 365 * 24;

const LENGTH_OF_TIME: &str = "write hours, minutes and seconds, as in 30m or 1h 30m; a day is 24h";

/// A mistake has been noted: nothing more needs to be said about this value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted;

pub(super) type Read<T> = Result<T, Noted>;

/// The mistakes so far.
#[derive(Default)]
pub(super) struct Notes(RefCell<Vec<Mistake>>);

impl Notes {
    pub(super) fn into_mistakes(self) -> Mistakes {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        Mistakes(mistakes)
    }

    fn add(&self, mistake: Mistake) -> Noted {
        let mut mistakes = self.0.borrow_mut();
        if mistakes.len() < MOST_MISTAKES {
            mistakes.push(mistake);
        }
        Noted
    }
}

/// The keys of one kind of table.
pub(crate) struct Keys {
    pub(crate) known: &'static [&'static str],
    /// Promised, and not there yet. To ignore one would be unsafe: somebody relies on it.
    pub(crate) later: &'static [&'static str],
}

/// A value, the way to it, and where to put the mistakes.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    node: &'a Node,
    path: String,
    notes: &'a Notes,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node, notes: &'a Notes) -> Cursor<'a> {
        Cursor { node, path: String::new(), notes }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn line(&self) -> u32 {
        self.node.place.line
    }

    pub(super) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) -> Noted {
        self.note(self.path.clone(), self.node.place, message.into(), Some(hint.into()))
    }

    pub(super) fn table(&self, keys: &'static Keys) -> Read<Table<'a>> {
        let entries = self.entries("a table of keys")?;
        let unknown = entries.iter().filter(|entry| !keys.known.contains(&entry.key.as_str()));
        for entry in unknown.take(MOST_MISTAKES) {
            self.refuse_key(entry, keys);
        }
        Ok(Table { at: self.clone(), entries, keys })
    }

    /// The key of a table whose other keys depend on it.
    pub(super) fn peek(&self, key: &str) -> Option<Cursor<'a>> {
        match &self.node.value {
            Value::Table(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| self.child(key, &entry.node))
            }
            Value::Nothing | Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// A table whose keys are the user's own.
    pub(super) fn map<T>(
        &self,
        wanted: &str,
        read: impl Fn(&str, &Cursor<'a>) -> Read<T>,
    ) -> Read<BTreeMap<String, T>> {
        let entries = self.entries(wanted)?;
        let value = |entry: &'a Entry| {
            if entry.key.contains('\0') {
                return Err(self.refuse("a key has a NUL character", "take it out"));
            }
            Ok((entry.key.clone(), read(&entry.key, &self.child(&entry.key, &entry.node))?))
        };
        let values: Vec<_> = entries.iter().map(value).collect();
        values.into_iter().collect()
    }

    pub(super) fn list(&self, wanted: &str) -> Read<Vec<Cursor<'a>>> {
        let Value::List(nodes) = &self.node.value else { return Err(self.wrong(wanted)) };
        if nodes.len() > MOST_ITEMS {
            let message = format!("{} entries are more than {MOST_ITEMS}", nodes.len());
            return Err(self.refuse(message, "shorten the list"));
        }
        let item = |(i, node)| Cursor { node, path: format!("{}[{i}]", self.path), notes: self.notes };
        Ok(nodes.iter().enumerate().map(item).collect())
    }

    /// A list of at least one.
    pub(super) fn some(&self, wanted: &str) -> Read<Vec<Cursor<'a>>> {
        let items = self.list(wanted)?;
        if items.is_empty() {
            return Err(self.refuse("the list is empty", "give at least one"));
        }
        Ok(items)
    }

    pub(super) fn text(&self) -> Read<String> {
        match &self.node.value {
            // No database keeps one, and no name server or console shows one.
            Value::Text(text) if text.contains('\0') => {
                Err(self.refuse("the text has a NUL character", "take it out"))
            }
            Value::Text(text) => Ok(text.clone()),
            Value::Number(_) | Value::Flag(_) => {
                Err(self.refuse(format!("wanted text, found {}", self.found()), "put it in quotes"))
            }
            Value::Nothing | Value::List(_) | Value::Table(_) => Err(self.wrong("text")),
        }
    }

    pub(super) fn flag(&self) -> Read<bool> {
        self.as_flag().ok_or_else(|| self.wrong("true or false"))
    }

    pub(super) fn number(&self, wanted: &str) -> Read<f64> {
        self.as_number().ok_or_else(|| self.wrong(wanted))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    pub(super) fn as_flag(&self) -> Option<bool> {
        match &self.node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Nothing | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match &self.node.value {
            Value::Number(number) => Some(*number),
            Value::Nothing | Value::Flag(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// A whole number; `largest` is small enough for a float to hold it exactly.
    pub(super) fn whole(&self, smallest: u32, largest: u32) -> Read<u32> {
        let wanted = format!("a whole number from {smallest} to {largest}");
        let number = self.number(&wanted)?;
        if number.fract() != 0.0 || number < f64::from(smallest) || number > f64::from(largest) {
            return Err(self.wrong(&wanted));
        }
        Ok(number as u32)
    }

    pub(super) fn span(&self) -> Read<Span> {
        if let Some(number) = self.as_number() {
            let hint = format!("say of what: \"{number}s\", \"{number}m\" or \"{number}h\"");
            return Err(self.refuse(format!("wanted a length of time, found the number {number}"), hint));
        }
        let span: Span = self.parsed("a length of time", LENGTH_OF_TIME)?;
        if span.0.as_hours() > LONGEST_HOURS {
            return Err(self.refuse(format!("{span} is longer than a year"), "give a shorter time"));
        }
        Ok(span)
    }

    pub(super) fn percent(&self) -> Read<Percent> {
        if let Some(number) = self.as_number() {
            let message = format!("wanted a percentage, found the number {number}");
            return Err(self.refuse(message, format!("write \"{number}%\"")));
        }
        self.parsed("a percentage", "write it as in \"1%\" or \"0.5%\"")
    }

    fn parsed<T: FromStr>(&self, wanted: &str, hint: &str) -> Read<T> {
        let Value::Text(text) = &self.node.value else { return Err(self.wrong(wanted)) };
        text.parse().map_err(|_| self.refuse(format!("{} is not {wanted}", quote(text)), hint))
    }

    /// The value is of another kind than it should be.
    pub(super) fn wrong(&self, wanted: &str) -> Noted {
        let message = format!("wanted {wanted}, found {}", self.found());
        self.note(self.path.clone(), self.node.place, message, None)
    }

    pub(super) fn missing(&self, key: &str) -> Noted {
        let hint = format!("add the key {key}");
        self.note(join(&self.path, key), self.node.place, "missing".to_owned(), Some(hint))
    }

    fn found(&self) -> String {
        match &self.node.value {
            Value::Nothing => "nothing".to_owned(),
            Value::Flag(flag) => format!("{flag}"),
            Value::Number(number) => format!("the number {number}"),
            Value::Text(text) => format!("the text {}", quote(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table of keys".to_owned(),
        }
    }

    fn entries(&self, wanted: &str) -> Read<&'a [Entry]> {
        let Value::Table(entries) = &self.node.value else { return Err(self.wrong(wanted)) };
        let mut first: BTreeMap<&str, u32> = BTreeMap::new();
        for entry in entries {
            if let Some(line) = first.get(entry.key.as_str()) {
                let hint = format!("it is on line {line} already: keep one of them");
                let message = "the key is given twice".to_owned();
                self.note(join(&self.path, &entry.key), entry.place, message, Some(hint));
            } else {
                first.insert(&entry.key, entry.place.line);
            }
        }
        Ok(entries)
    }

    fn refuse_key(&self, entry: &Entry, keys: &Keys) -> Noted {
        let path = join(&self.path, &entry.key);
        if keys.later.contains(&entry.key.as_str()) {
            let hint = "take it out, and do not rely on it".to_owned();
            return self.note(path, entry.place, "not supported by this version".to_owned(), Some(hint));
        }
        let known = || keys.known.iter().chain(keys.later).copied();
        let hint = nearest(&entry.key, known())
            .map(|key| format!("did you mean {key}?"))
            .unwrap_or_else(|| format!("the keys here are {}", keys.known.join(", ")));
        self.note(path, entry.place, "unknown key".to_owned(), Some(hint))
    }

    fn child(&self, key: &str, node: &'a Node) -> Cursor<'a> {
        Cursor { node, path: join(&self.path, key), notes: self.notes }
    }

    fn note(&self, path: String, place: Place, message: String, hint: Option<String>) -> Noted {
        let (line, column) = (Some(place.line), Some(place.column));
        self.notes.add(Mistake { path, line, column, message, hint })
    }
}

/// A table whose keys have been checked.
pub(super) struct Table<'a> {
    at: Cursor<'a>,
    entries: &'a [Entry],
    keys: &'static Keys,
}

impl<'a> Table<'a> {
    pub(super) fn required<T>(&self, key: &str, read: impl FnOnce(&Cursor<'a>) -> Read<T>) -> Read<T> {
        match self.get(key) {
            Some(value) => read(&value),
            None => Err(self.at.missing(key)),
        }
    }

    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Cursor<'a>) -> Read<T>,
    ) -> Read<Option<T>> {
        self.get(key).map(|value| read(&value)).transpose()
    }

    pub(super) fn get(&self, key: &str) -> Option<Cursor<'a>> {
        debug_assert!(self.keys.known.contains(&key), "{key} would be refused as unknown");
        self.entries.iter().find(|entry| entry.key == key).map(|entry| self.at.child(key, &entry.node))
    }
}

/// The known word that was probably meant.
pub(super) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Long words are not misspellings, and comparing them costs the product of the lengths.
    if word.len() > LONGEST_QUOTE {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    known
        .map(|candidate| {
            let same_case = candidate.to_ascii_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&word, &same_case), candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The path of a key of the table at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let key = if plain && key.len() <= LONGEST_QUOTE { key.to_owned() } else { quote(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

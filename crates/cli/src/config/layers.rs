//! What the file and the environment say, by dotted key, before anybody asks what it means.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Source};
use crate::environment::Environment;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Text(String),
    Number(i64),
    List(Vec<Raw>),
    /// A kind of value that no key takes, by its name.
    Other(&'static str),
}

#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: BTreeMap<String, (Raw, Source)>,
    /// Sections, which may be empty.
    pub(super) sections: BTreeMap<String, Source>,
}

/// With two underscores, it is a key of the configuration; with one, it is something else of ours.
const PREFIX: &str = "CROSSFADE_";
const SEPARATOR: &str = "__";

impl Layers {
    pub(super) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let root = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line(span.start)),
            message: error.message().to_owned(),
        })?;
        self.flatten("", root.get_ref(), &|offset| Source::File {
            path: path.to_owned(),
            line: line(offset),
        });
        Ok(())
    }

    pub(super) fn add_environment(&mut self, environment: &Environment) {
        let mut set = |key: String, name: &str, value: &str| {
            let source = Source::Environment(name.to_owned());
            self.values.insert(key, (Raw::Text(value.to_owned()), source));
        };
        if let Some(url) = environment.get("DATABASE_URL") {
            set("store.url".to_owned(), "DATABASE_URL", url);
        }
        for (name, value) in environment.iter() {
            if let Some(rest) = name.strip_prefix(PREFIX)
                && rest.contains(SEPARATOR)
            {
                set(rest.to_ascii_lowercase().replace(SEPARATOR, "."), name, value);
            }
        }
    }

    pub(super) fn sources(&self) -> BTreeMap<String, Source> {
        self.values.iter().map(|(key, (_, source))| (key.clone(), source.clone())).collect()
    }

    /// The names of the tables in a section.
    pub(super) fn names_under(&self, section: &str) -> BTreeSet<String> {
        let keys = self.values.keys().chain(self.sections.keys());
        let name = |key: &String| {
            let rest = key.strip_prefix(section)?.strip_prefix('.')?;
            rest.split('.').next().map(str::to_owned)
        };
        keys.filter_map(name).collect()
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>, source: &dyn Fn(usize) -> Source) {
        for (key, value) in table {
            let dotted = match prefix {
                "" => key.get_ref().to_string(),
                prefix => format!("{prefix}.{}", key.get_ref()),
            };
            let at = source(key.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.sections.insert(dotted.clone(), at);
                self.flatten(&dotted, inner, source);
            } else {
                self.values.insert(dotted, (raw(value), at));
            }
        }
    }
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Text(number.to_string()), Raw::Number),
        DeValue::Array(items) => Raw::List(items.iter().map(raw).collect()),
        DeValue::Float(_) => Raw::Other("a number with decimals"),
        DeValue::Boolean(_) => Raw::Other("true or false"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

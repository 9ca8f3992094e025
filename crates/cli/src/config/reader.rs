//! Takes values out of the layers, one key at a time. What nobody asked for is unknown, and what was asked for is what
//! could have been meant instead.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use super::{
    ConfigError, Mistake, Source,
    layers::{Layers, Raw},
    redacted,
};

#[derive(Debug)]
pub(super) struct Reader {
    layers: Layers,
    /// Every key that was asked for.
    known: BTreeSet<String>,
    sources: BTreeMap<String, Source>,
    mistakes: Vec<Mistake>,
}

/// Nothing that is configured takes longer, and no time that is counted with is out of reach.
const SPAN_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Below this likeness, a guess at what was meant does more harm than good.
const ALIKE: f64 = 0.6;

impl Reader {
    pub(super) fn new(layers: Layers) -> Reader {
        let sources = layers.sources();
        Reader { layers, known: BTreeSet::new(), sources, mistakes: Vec::new() }
    }

    pub(super) fn names_under(&self, section: &str) -> BTreeSet<String> {
        self.layers.names_under(section)
    }

    /// An empty text takes a value away.
    pub(super) fn text(&mut self, key: &str, default: Option<String>) -> Option<String> {
        match self.take(key) {
            None => default,
            Some(Raw::Text(text)) => Some(text).filter(|text| !text.is_empty()),
            Some(other) => {
                self.wrong(key, "a text in quotes", &other);
                default
            }
        }
    }

    pub(super) fn address(&mut self, key: &str, default: SocketAddr) -> SocketAddr {
        self.parsed(key, default, "an address and a port, such as \"127.0.0.1:8080\"", |text| {
            text.parse().ok()
        })
    }

    pub(super) fn span(&mut self, key: &str, default: Duration) -> Duration {
        self.parsed(key, default, "a length of time of up to a week, such as \"30s\" or \"5m\"", |text| {
            humantime::parse_duration(text).ok().filter(|span| !span.is_zero() && *span <= SPAN_MAX)
        })
    }

    pub(super) fn store_url(&mut self, key: &str, default: String) -> String {
        let expected = "a database's URL, \"sqlite://path\" or \"postgres://user:password@host/database\"";
        self.parsed(key, default, expected, |text| {
            ["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
                .then(|| text.to_owned())
        })
    }

    pub(super) fn count(&mut self, key: &str, default: u32) -> u32 {
        let number = match self.take(key) {
            None => return default,
            Some(Raw::Number(number)) => u32::try_from(number).map_err(|_| Raw::Number(number)),
            Some(Raw::Text(text)) => text.parse().map_err(|_| Raw::Text(text)),
            Some(other) => Err(other),
        };
        match number {
            Ok(number) if number > 0 => number,
            Ok(number) => {
                self.wrong(key, "a whole number above zero", &Raw::Number(number.into()));
                default
            }
            Err(raw) => {
                self.wrong(key, "a whole number above zero", &raw);
                default
            }
        }
    }

    /// In the environment, separated by commas.
    pub(super) fn texts(&mut self, key: &str, default: Vec<String>) -> Vec<String> {
        match self.take(key) {
            None => default,
            Some(Raw::Text(text)) => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
            Some(Raw::List(items)) => {
                let text = |item: Raw| match item {
                    Raw::Text(text) => Some(text),
                    Raw::Number(_) | Raw::List(_) | Raw::Other(_) => None,
                };
                items.into_iter().map(text).collect::<Option<Vec<_>>>().unwrap_or_else(|| {
                    self.wrong(key, "a list of texts in quotes", &Raw::Other("a list of something else"));
                    default
                })
            }
            Some(other) => {
                self.wrong(key, "a list of texts in quotes", &other);
                default
            }
        }
    }

    pub(super) fn refuse(&mut self, key: &str, message: &str, hint: &str) {
        self.mistakes.push(Mistake {
            source: self.sources.get(key).cloned(),
            key: key.to_owned(),
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        });
    }

    /// What is left over is unknown.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        let known_sections: BTreeSet<&str> =
            self.known.iter().flat_map(|key| key.match_indices('.').map(|(dot, _)| &key[..dot])).collect();
        let unknown = |key: &str, source: &Source, what: &str, hint: Option<String>| Mistake {
            source: Some(source.clone()),
            key: key.to_owned(),
            message: format!("unknown {what}"),
            hint,
        };
        for (section, source) in &self.layers.sections {
            let inside_unknown = self.layers.sections.keys().any(|other| {
                section.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'))
                    && !known_sections.contains(other.as_str())
            });
            if section != "accounts" && !known_sections.contains(section.as_str()) && !inside_unknown {
                let hint = nearest(section, known_sections.iter().copied(), "section");
                self.mistakes.push(unknown(section, source, "section", hint));
            }
        }
        for (key, (_, source)) in &self.layers.values {
            let section = key.rsplit_once('.').map_or("", |(section, _)| section);
            let in_unknown_section =
                self.layers.sections.contains_key(section) && !known_sections.contains(section);
            if !in_unknown_section {
                let hint = nearest(key, self.known.iter().map(String::as_str), "key");
                self.mistakes.push(unknown(key, source, "key", hint));
            }
        }
        if self.mistakes.is_empty() { Ok(()) } else { Err(ConfigError::Wrong(self.mistakes)) }
    }

    fn take(&mut self, key: &str) -> Option<Raw> {
        self.known.insert(key.to_owned());
        self.layers.values.remove(key).map(|(raw, _)| raw)
    }

    fn parsed<T>(&mut self, key: &str, default: T, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let raw = match self.take(key) {
            None => return default,
            Some(Raw::Text(text)) => match parse(text.trim()) {
                Some(value) => return value,
                None => Raw::Text(text),
            },
            Some(other) => other,
        };
        self.wrong(key, expected, &raw);
        default
    }

    fn wrong(&mut self, key: &str, expected: &str, found: &Raw) {
        let found = match found {
            Raw::Text(text) => format!("\"{}\"", redacted(text)),
            Raw::Number(number) => number.to_string(),
            Raw::List(_) => "a list".to_owned(),
            Raw::Other(kind) => (*kind).to_owned(),
        };
        self.mistakes.push(Mistake {
            source: self.sources.get(key).cloned(),
            key: key.to_owned(),
            message: format!("expected {expected}, found {found}"),
            hint: None,
        });
    }
}

fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>, what: &str) -> Option<String> {
    let mut known: Vec<&str> = known.collect();
    // The last part alone tells more where the section is right; the whole where the section is not.
    let likeness = |candidate: &str| {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::jaro_winkler(wrong, candidate);
        match (wrong.rsplit_once('.'), candidate.rsplit_once('.')) {
            (Some((a, _)), Some((b, _))) if a == b => {
                strsim::jaro_winkler(&last(wrong), &last(candidate)) + 0.1
            }
            _ => whole.max(strsim::jaro_winkler(&last(wrong), &last(candidate))) - 0.1,
        }
    };
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let best = known.first()?;
    if likeness(best) > ALIKE {
        return Some(format!("did you mean {best}?"));
    }
    Some(format!("`crossfade config print` lists every {what}"))
}

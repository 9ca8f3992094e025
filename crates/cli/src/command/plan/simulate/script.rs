//! What a simulation takes for given: from options, or from a script that can be kept beside its plan.

use std::{fmt, fs, path::Path, path::PathBuf, str::FromStr};

use crossfade_core::{
    Share,
    plan::{Percent, Span},
    rehearsal::{Incident, Moment, Order, Setting, Trouble},
    shift::Command,
};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::failure::Failure;

/// A simulation, written down. What is left out has its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// The plan's file, seen from the script's folder.
    pub(crate) plan: PathBuf,
    /// When the shift is created, as in `2026-12-01T09:00:00[Europe/Paris]`.
    pub(crate) begins: Option<Text<Instant>>,
    /// Of both sides together, as in `400/min` or `2000/s`.
    pub(crate) traffic: Option<Text<Rate>>,
    /// Of the records.
    pub(crate) ttl: Option<Span>,
    /// Of both sides, when nothing is wrong.
    pub(crate) usual_error_rate: Option<Percent>,
    /// How long a step waits for its approval, or `never`.
    pub(crate) approved_after: Option<Text<Patience>>,
    #[serde(default)]
    pub(crate) script: Vec<Line>,
}

/// What goes wrong, or what somebody asks for, and when.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    /// A share that has been reached (`25%`), a time after the beginning (`2h`), or an instant.
    pub(crate) at: Option<Text<When>>,
    /// For how long; for ever where it is left out.
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Span>,
    pub(crate) error_rate: Option<Percent>,
    pub(crate) legacy_error_rate: Option<Percent>,
    #[serde(default)]
    pub(crate) no_metrics: bool,
    #[serde(default)]
    pub(crate) unreachable: bool,
    #[serde(default)]
    pub(crate) pinned: bool,
    /// An operator's verb, as on the command line.
    pub(crate) verb: Option<Text<Verb>>,
}

impl Script {
    pub(crate) fn read(file: &Path) -> Result<Script, Failure> {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::failed(format!("{} cannot be read", file.display())).because(error))?;
        let mut script: Script = serde_saphyr::from_str(&text).map_err(|error| {
            let hint = "docs/timelines has scripts with every key";
            Failure::failed(format!("{} is not a script", file.display())).because(error).hint(hint)
        })?;
        script.plan = file.parent().unwrap_or(Path::new("")).join(&script.plan);
        Ok(script)
    }

    /// `now` is when it begins where nothing else is said.
    pub(crate) fn setting(&self, now: Timestamp) -> Setting {
        let usual = Setting::default();
        let rate = self.usual_error_rate.map(Percent::ratio);
        let mut setting = Setting {
            begins: self.begins.map_or(now, |at| at.0.0),
            ttl: self.ttl.map_or(usual.ttl, |ttl| ttl.0),
            requests_per_minute: self.traffic.map_or(usual.requests_per_minute, |rate| rate.0.0),
            usual_errors_from: rate.unwrap_or(usual.usual_errors_from),
            usual_errors_to: rate.unwrap_or(usual.usual_errors_to),
            approved_after: self.approved_after.map_or(usual.approved_after, |patience| patience.0.0),
            ..usual
        };
        for line in &self.script {
            let at = line.at.map_or(Moment::After(SignedDuration::ZERO), |at| at.0.0);
            let troubles = [
                line.error_rate.map(|rate| Trouble::ErrorsOfTo(rate.ratio())),
                line.legacy_error_rate.map(|rate| Trouble::ErrorsOfFrom(rate.ratio())),
                line.no_metrics.then_some(Trouble::NoMetrics),
                line.unreachable.then_some(Trouble::Unreachable),
                line.pinned.then_some(Trouble::Pinned),
            ];
            let lasts = line.lasts.map(|span| span.0);
            let incident = |what| Incident { begins: at, lasts, what };
            setting.incidents.extend(troubles.into_iter().flatten().map(incident));
            setting.orders.extend(line.verb.map(|verb| Order { at, verb: verb.0.0 }));
        }
        setting
    }
}

/// A value that is read from its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Text).map_err(D::Error::custom)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let zoned = text.parse::<Zoned>().map(|zoned| zoned.timestamp());
        zoned.or_else(|_| text.parse::<Timestamp>()).map(Instant).map_err(|_| {
            format!(
                "{text:?} is not an instant: write it as in 2026-12-01T09:00:00[Europe/Paris] or \
                 2026-12-01T08:00:00Z"
            )
        })
    }
}

/// Requests a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (number, unit) = text.split_once('/')?;
            let number: f64 = number.trim().parse().ok()?;
            let minutes = match unit.trim() {
                "s" => 60.0,
                "min" => 1.0,
                "h" => 1.0 / 60.0,
                _ => return None,
            };
            (number.is_finite() && (0.0..=1e9).contains(&number)).then_some(Rate(number * minutes))
        };
        read().ok_or_else(|| format!("{text:?} is not a rate of requests: write it as in 400/min or 2000/s"))
    }
}

/// How long somebody takes; `never` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) Option<SignedDuration>);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Patience(None)),
            _ => {
                text.parse::<Span>().map(|span| Patience(Some(span.0))).map_err(|e| format!("{e}, or never"))
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct When(pub(crate) Moment);

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.parse::<Percent>().ok().and_then(|percent| Share::from_percent(percent.0).ok());
        let span = || text.parse::<Span>().ok().map(|span| Moment::After(span.0));
        let instant = || text.parse::<Instant>().ok().map(|at| Moment::At(at.0));
        share.map(Moment::Reached).or_else(span).or_else(instant).map(When).ok_or_else(|| {
            format!("{text:?} is neither a share (25%), nor a time after the beginning (2h), nor an instant")
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb(pub(crate) Command);

impl FromStr for Verb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Command::ALL.into_iter().find(|verb| verb.verb() == text);
        found.map(Verb).ok_or_else(|| {
            let verbs = Command::ALL.map(Command::verb).join(", ");
            format!("{text:?} is not a verb: {verbs}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_their_texts_or_say_how_to_write_them() {
        assert_eq!("120/min".parse::<Rate>().unwrap().0, 120.0);
        assert_eq!("2/s".parse::<Rate>().unwrap().0, 120.0);
        assert!("120".parse::<Rate>().unwrap_err().contains("400/min"));
        assert!("-1/s".parse::<Rate>().is_err());
        assert_eq!("never".parse::<Patience>().unwrap().0, None);
        assert!("soon".parse::<Patience>().unwrap_err().ends_with("or never"));
        let at = |text: &str| text.parse::<When>().map(|when| when.0);
        assert_eq!(at("25%"), Ok(Moment::Reached(Share::from_percent(25.0).unwrap())));
        assert_eq!(at("2h"), Ok(Moment::After(SignedDuration::from_hours(2))));
        let noon = "2026-07-01T10:00:00Z".parse().unwrap();
        assert_eq!(at("2026-07-01T12:00:00[Europe/Paris]"), Ok(Moment::At(noon)));
        assert!(at("later").unwrap_err().contains("nor an instant"));
        assert!("stop".parse::<Verb>().unwrap_err().contains("pause"));
    }
}

//! A gate that asks for latency.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Source, default_metric_delay};
use crate::plan::Span;

/// Whether the `to` side answers as fast as it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    pub latency: LatencySides,
    /// Which latency is compared.
    #[serde(default)]
    pub percentile: Percentile,
    /// The `to` side's may not exceed this. Without it, the `from` side alone is the measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Span>,
    /// How much slower than the `from` side is still fine; the stricter of both limits counts. Default where `from` is
    /// named: 1.5 times as slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_increase: Option<SlowerBy>,
    /// How long after its end a period's datapoints are taken to be complete.
    #[serde(default = "default_metric_delay")]
    pub metric_delay: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencySides {
    pub to: Source,
    /// The live legacy side, which the `to` side is measured by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowerBy {
    /// Times the `from` side's latency.
    #[schemars(range(min = 1.0))]
    pub ratio: f64,
}

impl Latency {
    /// How many times as slow as the `from` side is still fine. `None` where nothing is named to compare with.
    pub fn tolerated_ratio(&self) -> Option<f64> {
        self.latency.from.as_ref()?;
        Some(self.tolerated_increase.map_or(USUAL_RATIO, |increase| increase.ratio))
    }

    /// Both, or the only one.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.latency.to).chain(&self.latency.from)
    }
}

/// What users begin to notice, and more than a new endpoint's cold caches cost after a while.
const USUAL_RATIO: f64 = 1.5;

/// From p50 to p99.9, in tenths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u16);

impl Percentile {
    const LEAST: u16 = 500;
    const MOST: u16 = 999;

    /// p99 is 0.99.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }

    /// A percentile of fewer values says nothing: CloudWatch itself asks for ten beyond it before an alarm that may not
    /// be evaluated on few samples is. Whole, and from 20 to 10,000.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>
    pub fn samples_needed(self) -> u64 {
        10_000_u64.div_ceil(u64::from(1_000 - self.0))
    }
}

impl Default for Percentile {
    fn default() -> Percentile {
        Percentile(990)
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "p{whole}"),
            (whole, tenths) => write!(f, "p{whole}.{tenths}"),
        }
    }
}

impl fmt::Debug for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Percentile {
    type Err = String;

    fn from_str(text: &str) -> Result<Percentile, String> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok());
        let tenths = text.strip_prefix('p').and_then(|number| {
            let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
            let plain = whole.len() == 2 && tenth.len() == 1;
            Some(digits(whole).filter(|_| plain)?? * 10 + digits(tenth)??)
        });
        tenths
            .filter(|tenths| (Percentile::LEAST..=Percentile::MOST).contains(tenths))
            .map(Percentile)
            .ok_or_else(|| format!("{text:?} is not a percentile from p50 to p99.9"))
    }
}

impl Serialize for Percentile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percentile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Percentile, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Percentile {
    fn schema_name() -> Cow<'static, str> {
        "Percentile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^p[5-9][0-9](\.[0-9])?$", "examples": ["p50", "p99", "p99.9"],
            "description": "From p50 to p99.9",
        })
    }
}

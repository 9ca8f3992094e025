//! The share of traffic that is meant for the `to` side.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A percentage from 0 to 100, exact to a ten-thousandth of a percent.
///
/// Kept as parts per million, so that shares compare and hash exactly; on the wire it is a percentage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0} is not a percentage from 0 to 100")]
pub struct NotAShare(pub f64);

impl Share {
    pub const ZERO: Share = Share(0);
    pub const ALL: Share = Share(Share::WHOLE);

    /// What 100 % is in parts per million.
    pub const WHOLE: u32 = 1_000_000;

    /// Rounds to a ten-thousandth of a percent.
    pub fn from_percent(percent: f64) -> Result<Share, NotAShare> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(NotAShare(percent));
        }
        Ok(Share((percent * 10_000.0).round() as u32))
    }

    /// `part` of `whole`, or zero when the whole is nothing.
    pub fn of(part: u64, whole: u64) -> Share {
        if whole == 0 {
            return Share::ZERO;
        }
        Share((u128::from(part.min(whole)) * u128::from(Share::WHOLE) / u128::from(whole)) as u32)
    }

    pub fn ppm(self) -> u32 {
        self.0
    }

    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} %)", self.percent())
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.percent())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Share::from_percent(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number", "minimum": 0, "maximum": 100,
            "description": "Percentage of the traffic that is meant for the `to` side",
        })
    }
}

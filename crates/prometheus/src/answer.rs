//! What Prometheus answers. <https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries>

use crossfade_core::gate::Point;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Answer {
    Success {
        data: Data,
        #[serde(default)]
        warnings: Vec<String>,
    },
    Error {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "snake_case")]
pub(crate) enum Data {
    Matrix(Vec<Series>),
    // No other answers a range; what it holds is of no use.
    Vector(serde::de::IgnoredAny),
    Scalar(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Series {
    /// Seconds since 1970, and the value as text.
    values: Vec<(f64, String)>,
}

/// The points of the one series there is, each at the start of its period; or why there are none to be trusted.
pub(crate) fn points(answer: Answer, period: SignedDuration) -> Result<Vec<Point>, String> {
    let (data, warnings) = match answer {
        Answer::Success { data, warnings } => (data, warnings),
        Answer::Error { kind, error } => return Err(format!("{kind}: {error}")),
    };
    if let Some(warning) = warnings.first() {
        return Err(format!("the server warns: {warning}"));
    }
    let Data::Matrix(mut series) = data else {
        return Err("the answer is no matrix: the expression has to give a number".to_owned());
    };
    let values = match series.len() {
        // Nothing was counted: that is for the gate to judge.
        0 => Vec::new(),
        1 => series.pop().map(|series| series.values).unwrap_or_default(),
        several => {
            return Err(format!("the expression gives {several} series; sum them up to one"));
        }
    };
    values.into_iter().filter_map(|(at, value)| point(at, &value, period).transpose()).collect()
}

/// `None` where nothing can be said: 0 / 0 is NaN.
fn point(at: f64, value: &str, period: SignedDuration) -> Result<Option<Point>, String> {
    let value: f64 = value.parse().map_err(|_| format!("{value:?} is not a number"))?;
    if !value.is_finite() {
        return Ok(None);
    }
    let ends =
        Timestamp::from_millisecond((at * 1_000.0) as i64).map_err(|_| format!("{at} is not a time"))?;
    Ok(Some(Point { at: ends - period, value }))
}

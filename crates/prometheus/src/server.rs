//! A Prometheus server.

use std::{collections::BTreeMap, fmt, time::Duration};

use crossfade_core::gate::Point;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::{answer, expression};

/// Prometheus refuses a range of more points.
/// <https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries>
const MOST_POINTS: i64 = 11_000;

/// Longer than any server takes that can be asked every minute.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer of a day of minutes has a few dozen kilobytes.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// How to reach a server.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its address, with the path that stands before `/api/v1`.
    pub url: String,
    /// Sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl fmt::Debug for Config {
    /// Headers may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("url", &self.url).field("headers", &self.headers.keys()).finish()
    }
}

/// Why a configuration makes no server.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{url:?} is not the address of a server: write it as in https://prometheus.example.com")]
    Url { url: String },
    #[error("the header {name:?} cannot be sent")]
    Header { name: String },
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
}

#[derive(Clone, Debug)]
pub struct Server {
    client: Client,
    url: Url,
}

impl Server {
    pub fn new(config: &Config) -> Result<Server, Unusable> {
        let bad = || Unusable::Url { url: config.url.clone() };
        let base = Url::parse(&config.url).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad());
        }
        let mut url = base;
        url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(["api", "v1", "query_range"]);
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in &config.headers {
            let header = || Unusable::Header { name: name.clone() };
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| header())?;
            let mut value = reqwest::header::HeaderValue::from_str(value).map_err(|_| header())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // Somebody else may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(TIMEOUT)
            .default_headers(headers)
            // A redirect could carry the headers elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Unusable::Client)?;
        Ok(Server { client, url })
    }

    /// The value of an expression for every period that begins from `from` (inclusive) to `to` (exclusive), oldest first,
    /// each at the start of its period; or why there is none to be trusted. The newest may not be whole yet.
    pub async fn range(
        &self,
        text: &str,
        period: SignedDuration,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Point>, String> {
        let expression = expression::expression(text, period);
        let step = period.as_secs().max(1);
        // A period's value is that of the instant at which it ends.
        let (mut begin, ends) = (at_or_after(from, step) + step, at_or_after(to, step) + step);
        let mut points = Vec::new();
        while begin < ends {
            let end = (ends - step).min(begin + (MOST_POINTS - 1) * step);
            points.extend(self.ask(&expression, begin, end, step).await?);
            begin = end + step;
        }
        Ok(points)
    }

    async fn ask(&self, expression: &str, begin: i64, end: i64, step: i64) -> Result<Vec<Point>, String> {
        let form = [
            ("query", expression.to_owned()),
            ("start", begin.to_string()),
            ("end", end.to_string()),
            ("step", step.to_string()),
        ];
        let sent = self.client.post(self.url.clone()).form(&form).send().await;
        let mut response = sent.map_err(|error| unreached(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreached(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(format!("the answer has more than {LARGEST_ANSWER} bytes"));
            }
        }
        // Its errors are JSON, too, with a status that says little more.
        let answer = serde_json::from_slice(&body)
            .map_err(|_| format!("HTTP {}, and no answer of Prometheus", status.as_u16()))?;
        answer::points(answer, SignedDuration::from_secs(step))
    }
}

/// The first beginning of a period that is not before the time.
fn at_or_after(at: Timestamp, step: i64) -> i64 {
    let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    (second + step - 1).div_euclid(step) * step
}

/// In one sentence, without the address, which may hold a password.
fn unreached(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the connection was lost"
    };
    format!("Prometheus: {what}")
}

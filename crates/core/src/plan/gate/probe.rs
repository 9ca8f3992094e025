//! A gate that asks the endpoints themselves.

use std::ops::RangeInclusive;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Span;

/// Whether every target of the `to` side answers to the plan's names, with a certificate that is valid for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probed {
    pub probe: Probe,
}

/// One GET request to each target, for each name of the plan. Redirects are not followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What is asked for, with its query if it has one.
    #[serde(default = "default_path")]
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// Default: 443, or 80 where the scheme is http.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    #[serde(default)]
    pub scheme: Scheme,
    /// The statuses that are fine. Default: every one below 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), inner(range(min = 200, max = 599)))]
    pub status: Vec<u16>,
    /// For the whole of it, from the connection to the head of the answer.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// The certificate must be valid for the name.
    #[default]
    Https,
    /// Without TLS.
    Http,
}

/// What `status` may name: answers, and not the interim ones before them.
pub(crate) const STATUSES: RangeInclusive<u32> = 200..=599;

impl Probe {
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        })
    }

    /// Whether an answer with this status is fine.
    pub fn takes(&self, status: u16) -> bool {
        if self.status.is_empty() { status < 500 } else { self.status.contains(&status) }
    }
}

impl Default for Probe {
    fn default() -> Probe {
        Probe {
            path: default_path(),
            port: None,
            scheme: Scheme::default(),
            status: Vec::new(),
            timeout: default_timeout(),
        }
    }
}

fn default_path() -> String {
    "/".to_owned()
}

/// Longer than a healthy endpoint takes anywhere, and shorter than people wait.
fn default_timeout() -> Span {
    Span(SignedDuration::from_secs(5))
}

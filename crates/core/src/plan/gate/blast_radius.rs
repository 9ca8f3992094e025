//! The blast-radius budget: how many requests more than usual may fail before it is enough, whatever the rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Failed requests of the `to` side over the `from` side's usual rate, beyond which the gate fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct BlastRadius {
    /// Since resolvers began to answer with the present step's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub per_step: Option<u64>,
    /// Since traffic was first moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub per_shift: Option<u64>,
}

//! Time series and alarms of one account.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use crossfade_core::gate::{AlarmQuery, AlarmReading, MetricQuery, Point};
use jiff::Timestamp;

/// What was answered for one query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Oldest first, one a period, nothing where nothing was published.
    pub points: Vec<Point>,
    /// Why these may not be all: an error, a status other than complete, a message of the service.
    pub incomplete: Option<String>,
}

/// Of one metric: values by name.
pub type Dimensions = BTreeMap<String, String>;

#[async_trait]
pub trait Metrics: Send + Sync {
    /// Reads every query from `from` (inclusive) to `to` (exclusive). There is an answer for every query: what could
    /// not be read says so in [`Series::incomplete`], and never looks like an empty series.
    async fn read(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<MetricQuery, Series>;

    /// The dimensions under which there are metrics with the query's region, namespace and name, whatever its own
    /// dimensions; not all of them where there are very many. Metrics without values for two weeks are forgotten.
    ///
    /// # Errors
    /// Why they could not be listed.
    async fn known(&self, query: &MetricQuery) -> Result<BTreeSet<Dimensions>, String>;

    /// The present states of alarms, on metrics and composite ones. There is an answer for every query: that there is
    /// no such alarm is said only by a service that answered.
    async fn alarms(&self, queries: &[AlarmQuery]) -> BTreeMap<AlarmQuery, AlarmReading>;
}

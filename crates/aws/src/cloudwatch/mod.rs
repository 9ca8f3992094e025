//! CloudWatch as the port `Metrics`.
//!
//! Statistics are read raw. Metric math would treat a missing value as zero, drop the datapoint where it then divides by
//! it, and give neither token nor warning:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

mod alarms;
mod answer;
mod known;
mod request;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_cloudwatch::{Client, config::Builder};
use crossfade_core::gate::{AlarmQuery, AlarmReading, MetricQuery};
use crossfade_ports::{Metrics, Series, metrics::Dimensions};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use self::{
    answer::Answers,
    request::{Batch, batches},
};
use crate::{call::observed, failure::Failure};

/// Requests under way at once. CloudWatch allows 50 `GetMetricData` a second and region, to everybody together.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const CONCURRENT: usize = 4;

/// Pages of one batch. A page holds 100,800 datapoints: eight hours of 500 series by the minute fit into three.
/// What needs more than this is a query that nobody meant.
const PAGES_MAX: usize = 20;

pub struct CloudWatch {
    config: Builder,
    region: Region,
    /// One client a region: each keeps its connections.
    clients: Mutex<HashMap<Region, Client>>,
}

impl CloudWatch {
    /// `region` is the account's own, for queries that name none.
    pub fn new(config: Builder, region: Region) -> CloudWatch {
        CloudWatch { config, region, clients: Mutex::default() }
    }

    fn client(&self, region: Option<&str>) -> Client {
        let region = region.map_or_else(|| self.region.clone(), |region| Region::new(region.to_owned()));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Client::from_conf(self.config.clone().region(region.clone()).build());
        clients.entry(region.clone()).or_insert_with(made).clone()
    }
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch").field("region", &self.region).finish_non_exhaustive()
    }
}

#[async_trait]
impl Metrics for CloudWatch {
    async fn read(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<MetricQuery, Series> {
        let reads = batches(queries, from, to)
            .into_iter()
            .map(|batch| read(self.client(batch.region()), batch, from, to))
            // The list is made first, because a stream of borrowing closures is not `Send`.
            .collect::<Vec<_>>();
        let answers: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENT).collect().await;
        answers.into_iter().flatten().collect()
    }

    async fn known(&self, query: &MetricQuery) -> Result<BTreeSet<Dimensions>, String> {
        known::known(&self.client(query.region.as_deref()), query).await
    }

    async fn alarms(&self, queries: &[AlarmQuery]) -> BTreeMap<AlarmQuery, AlarmReading> {
        let reads = alarms::batches(queries)
            .into_iter()
            .map(|batch| alarms::read(self.client(batch.region()), batch))
            .collect::<Vec<_>>();
        let answers: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENT).collect().await;
        answers.into_iter().flatten().collect()
    }
}

async fn read(client: Client, batch: Batch, from: Timestamp, to: Timestamp) -> Vec<(MetricQuery, Series)> {
    if batch.is_empty() {
        // Nothing lies there, and CloudWatch refuses to be asked.
        return batch.queries.into_iter().map(|query| (query, Series::default())).collect();
    }
    let mut answers = Answers::new(batch.queries.len(), from, to);
    let mut token: Option<String> = None;
    let mut pages = 0;
    let broken_off = loop {
        if pages == PAGES_MAX {
            break Some(format!("CloudWatch gave more than {PAGES_MAX} pages"));
        }
        pages += 1;
        let call = batch.request(&client).set_next_token(token.clone());
        let page = match observed("GetMetricData", call.send()).await {
            Ok(page) => page,
            Err(error) => break Some(Failure::of(&error, true).text),
        };
        answers.add(&page);
        match page.next_token() {
            None | Some("") => break None,
            Some(next) if token.as_deref() == Some(next) => {
                break Some("CloudWatch gave the same page twice".to_owned());
            }
            Some(next) => token = Some(next.to_owned()),
        }
    };
    batch.queries.into_iter().zip(answers.finish(broken_off.as_deref())).collect()
}

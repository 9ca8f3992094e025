//! Which dimensions a metric's name is published under, by `ListMetrics`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use crossfade_core::gate::MetricQuery;
use crossfade_ports::metrics::Dimensions;

use crate::{call::observed, failure::Failure};

/// A page has 500 metrics. Nobody reads more dimensions than this to find a typing mistake.
const PAGES_MAX: usize = 4;

pub(super) async fn known(client: &Client, query: &MetricQuery) -> Result<BTreeSet<Dimensions>, String> {
    let mut known = BTreeSet::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let call = client
            .list_metrics()
            .namespace(&query.namespace)
            .metric_name(&query.metric)
            .set_next_token(token.take());
        let page =
            observed("ListMetrics", call.send()).await.map_err(|error| Failure::of(&error, true).text)?;
        known.extend(page.metrics().iter().map(|metric| {
            let pairs = metric.dimensions().iter();
            let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            pairs.filter_map(|dimension| dimension.name().zip(dimension.value()).map(pair)).collect()
        }));
        match page.next_token() {
            None | Some("") => break,
            Some(next) => token = Some(next.to_owned()),
        }
    }
    Ok(known)
}

//! Route 53 as the port `Zones`.

mod convert;
mod error;
mod find;
mod order;
mod read;
mod submit;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_route53::Client;
use crossfade_core::{RecordName, RecordSet, ZoneId, batch::Batch, event::ChangeId};
use crossfade_ports::{SubmitError, Zone, Zones, ZonesError, zones::ChangeStatus};

use crate::call::observed;

#[derive(Clone, Debug)]
pub struct Route53 {
    client: Client,
}

impl Route53 {
    pub fn new(client: Client) -> Route53 {
        let config = client.config().to_builder().interceptor(whole::Whole);
        Route53 { client: Client::from_conf(config.build()) }
    }
}

#[async_trait]
impl Zones for Route53 {
    async fn find(&self, id_or_name: &str) -> Result<Vec<Zone>, ZonesError> {
        find::find(&self.client, id_or_name).await
    }

    async fn read(&self, zone: &ZoneId, names: &BTreeSet<RecordName>) -> Result<Vec<RecordSet>, ZonesError> {
        read::read(&self.client, zone, names).await
    }

    async fn submit(&self, batch: &Batch) -> Result<ChangeId, SubmitError> {
        submit::submit(&self.client, batch).await
    }

    async fn change(&self, id: &ChangeId) -> Result<ChangeStatus, ZonesError> {
        let answer = observed("GetChange", self.client.get_change().id(&id.0).send()).await;
        let answer = answer.map_err(|error| error::of_read(&error, &id.0))?;
        let status = answer.change_info().map(|info| info.status().clone());
        convert::change_status(status.as_ref())
    }
}

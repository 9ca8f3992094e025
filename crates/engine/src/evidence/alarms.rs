//! The alarms that gates ask, as they were last read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crossfade_core::{
    gate::{AlarmData, AlarmQuery, AlarmReading, alarm_queries},
    plan::Alarms,
};
use crossfade_ports::Metrics;
use jiff::Timestamp;

#[derive(Default)]
pub(super) struct KeptAlarms(Mutex<BTreeMap<Key, (Timestamp, AlarmReading)>>);

/// The account, and the alarm.
type Key = (String, AlarmQuery);

impl KeptAlarms {
    /// `None` until every alarm of the gate has been asked for.
    pub(super) fn answer(&self, account: &str, gate: &Alarms) -> Option<AlarmData> {
        let kept = self.kept();
        let mut data = AlarmData { fetched_at: Timestamp::MAX, alarms: BTreeMap::new() };
        for query in alarm_queries(gate) {
            let name = query.name.clone();
            let (read_at, reading) = kept.get(&(account.to_owned(), query))?;
            data.fetched_at = data.fetched_at.min(*read_at);
            data.alarms.insert(name, reading.clone());
        }
        Some(data)
    }

    /// Reads an account's. Whether all of them could be read.
    pub(super) async fn read(
        &self,
        account: &str,
        wanted: BTreeSet<Key>,
        metrics: &dyn Metrics,
        now: Timestamp,
    ) -> bool {
        let queries: Vec<AlarmQuery> = wanted.into_iter().map(|(_, query)| query).collect();
        if queries.is_empty() {
            return true;
        }
        let mut all = true;
        for (query, reading) in metrics.alarms(&queries).await {
            if let AlarmReading::Unreadable(why) = &reading {
                all = false;
                tracing::warn!(alarm.name = query.name, why, "an alarm could not be read");
            }
            self.kept().insert((account.to_owned(), query), (now, reading));
        }
        all
    }

    /// Forgets those of the account that are no longer wanted.
    pub(super) fn retain(&self, account: &str, wanted: impl Fn(&Key) -> bool) {
        self.kept().retain(|key, _| key.0 != account || wanted(key));
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Key, (Timestamp, AlarmReading)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

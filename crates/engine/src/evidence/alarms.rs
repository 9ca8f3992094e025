//! The alarms that gates ask, as they were last read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crossfade_core::{
    gate::{AlarmData, AlarmQuery, AlarmReading, alarm_queries},
    plan::Alarms,
};
use crossfade_ports::Accounts;
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

    /// Reads what is wanted, an account at a time, and forgets what no longer is. Whether all of it could be read.
    pub(super) async fn read(&self, wanted: BTreeSet<Key>, accounts: &Accounts, now: Timestamp) -> bool {
        self.kept().retain(|key, _| wanted.contains(key));
        let mut reads: BTreeMap<String, Vec<AlarmQuery>> = BTreeMap::new();
        for (account, query) in wanted {
            reads.entry(account).or_default().push(query);
        }
        let mut all = true;
        for (account, queries) in reads {
            let Some(metrics) = accounts.get(&account).map(|account| account.metrics.clone()) else {
                continue;
            };
            for (query, reading) in metrics.alarms(&queries).await {
                if let AlarmReading::Unreadable(why) = &reading {
                    all = false;
                    tracing::warn!(alarm.name = query.name, why, "an alarm could not be read");
                }
                self.kept().insert((account.clone(), query), (now, reading));
            }
        }
        all
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Key, (Timestamp, AlarmReading)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A CloudWatch alarm on the error rate that stops the deployment, as CodeDeploy does it: N of N datapoints of a minute
//! above the threshold. Steps go on by the clock while it is quiet.
//!
//! That the newest datapoints there are count, and missing ones are looked past while there are enough of others:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>. That up to ten alarms
//! stop a deployment when any of them is activated:
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html>. How many datapoints, and
//! what threshold, is up to the owner: 1 of 1 and 3 of 3 above 1 % are ours.
//!
//! Kinder than the original: no latency of the alarm itself, and missing data never alarm.

use crate::simulation::cutover::{Decision, Rule, Seen, cloud_rate};

const MOST: f64 = 0.01;

/// Minutes beyond the datapoints asked for in which they are looked for.
const MORE_MINUTES: usize = 2;

pub(crate) struct Alarm {
    datapoints: usize,
}

impl Alarm {
    pub(crate) fn new(datapoints: usize) -> Alarm {
        Alarm { datapoints }
    }
}

impl Rule for Alarm {
    fn decide(&mut self, seen: &Seen) -> Decision {
        let range = seen.newest_minutes(self.datapoints + MORE_MINUTES);
        let newest = range.iter().rev().filter_map(cloud_rate).take(self.datapoints);
        let breaching = newest.filter(|rate| *rate > MOST).count();
        if breaching >= self.datapoints { Decision::Revert } else { seen.advance_on_time() }
    }
}

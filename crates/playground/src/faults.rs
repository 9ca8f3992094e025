//! Faults on demand: armed here, taken by the next call they fit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault waiting for calls.
///
/// ```ignore
/// world.arm(Fault::next(FaultKind::TimeoutAfterApply { hold: Duration::ZERO }));
/// world.arm(Fault::next(FaultKind::Throttle).on("GetMetricData").times(3));
/// world.arm(Fault::always(FaultKind::Outage));
/// ```
///
/// In JSON the kind's own fields stand beside the others: `{"kind": "timeout_after_apply", "hold": 2.5}`; `times`
/// left out means once, and null means until disarmed; `after` left out means from the next call on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FaultForm")]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Only calls of this operation, such as `ListResourceRecordSets`; otherwise every operation the kind can hit.
    pub operation: Option<String>,
    /// How many calls; absent means until disarmed.
    pub times: Option<u32>,
    /// How many calls that fit are let through first.
    pub after: u32,
}

/// What can go wrong. Durations are seconds in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// `Throttling`, "Rate exceeded". Any operation.
    Throttle,
    /// 500 and nothing applied. Any operation.
    InternalError,
    /// Applied, and then 500. Any operation.
    InternalErrorAfterApply,
    /// 403 and nothing applied. Any operation.
    AccessDenied,
    /// The connection is dropped and nothing applied. Any operation.
    LostBeforeApply,
    /// Applied, then the connection is dropped. Any operation.
    LostAfterApply,
    /// Applied, then silence for `hold`, then the connection is dropped. Any operation.
    TimeoutAfterApply {
        /// How long the client is kept waiting.
        #[serde(with = "seconds")]
        hold: Duration,
    },
    /// Nothing applied, silence for `hold`, then the connection is dropped. Any operation.
    TimeoutBeforeApply {
        /// How long the client is kept waiting.
        #[serde(with = "seconds")]
        hold: Duration,
    },
    /// `PriorRequestNotComplete`. Changes only.
    PriorRequestNotComplete,
    /// The connection is dropped at once, and the batch arrives after `delay`. Changes only.
    DelayedArrival {
        /// How late the batch arrives. `Duration::MAX` holds it until `World::land_now`.
        #[serde(with = "seconds")]
        delay: Duration,
    },
    /// Applied, and the same batch arrives once more at once: the caller gets the answer to the second, which is a
    /// refusal unless the batch can be applied twice. Changes only.
    Duplicate,
    /// Applied and answered, and the same batch arrives once more after `delay`. Changes only.
    LateDuplicate {
        /// How late the second copy arrives.
        #[serde(with = "seconds")]
        delay: Duration,
    },
    /// CloudWatch answers 500. Every CloudWatch operation.
    Outage,
    /// GetMetricData answers with complete, empty series.
    Silence,
    /// GetMetricData does not know data younger than `delay`.
    LateMetrics {
        /// How old data must be to be seen.
        #[serde(with = "seconds")]
        delay: Duration,
    },
    /// GetMetricData answers `PartialData`, without the newest half of each series and without a token.
    PartialData,
    /// GetMetricData answers `Forbidden` for every series.
    Forbidden,
    /// GetMetricData answers `InternalError` for every series.
    SeriesInternalError,
}

/// Whom a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Route53,
    CloudWatch,
}

/// What is armed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Fault>,
}

impl Fault {
    /// For the next call that fits.
    pub fn next(kind: FaultKind) -> Self {
        Self { kind, operation: None, times: Some(1), after: 0 }
    }

    /// For every call that fits, until [`crate::World::disarm_all`].
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, operation: None, times: None, after: 0 }
    }

    /// Only for calls of this operation.
    #[must_use]
    pub fn on(self, operation: &str) -> Self {
        Self { operation: Some(operation.to_owned()), ..self }
    }

    /// For this many calls.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Only once this many calls that fit have passed.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self { after: calls, ..self }
    }

    fn fits(&self, service: Service, operation: &str) -> bool {
        if self.operation.as_ref().is_some_and(|wanted| wanted != operation) {
            return false;
        }
        match self.kind {
            FaultKind::PriorRequestNotComplete
            | FaultKind::DelayedArrival { .. }
            | FaultKind::Duplicate
            | FaultKind::LateDuplicate { .. } => operation == "ChangeResourceRecordSets",
            FaultKind::Outage => service == Service::CloudWatch,
            FaultKind::Silence
            | FaultKind::LateMetrics { .. }
            | FaultKind::PartialData
            | FaultKind::Forbidden
            | FaultKind::SeriesInternalError => operation == "GetMetricData",
            FaultKind::Throttle
            | FaultKind::InternalError
            | FaultKind::InternalErrorAfterApply
            | FaultKind::AccessDenied
            | FaultKind::LostBeforeApply
            | FaultKind::LostAfterApply
            | FaultKind::TimeoutAfterApply { .. }
            | FaultKind::TimeoutBeforeApply { .. } => true,
        }
    }
}

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    pub(crate) fn disarm_all(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn armed(&self) -> &[Fault] {
        &self.armed
    }

    /// The oldest fault that fits this call; used up by it.
    pub(crate) fn take(&mut self, service: Service, operation: &str) -> Option<FaultKind> {
        let at = self.armed.iter_mut().position(|fault| {
            let fits = fault.fits(service, operation);
            let passes = fits && fault.after > 0;
            if passes {
                fault.after -= 1;
            }
            fits && !passes
        })?;
        let fault = self.armed.get_mut(at)?;
        let kind = fault.kind.clone();
        match &mut fault.times {
            None => {}
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => {
                self.armed.remove(at);
            }
        }
        Some(kind)
    }
}

/// A fault as JSON gives it. `flatten` cannot refuse unknown fields; this can.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultForm {
    kind: String,
    operation: Option<String>,
    #[serde(default = "once")]
    times: Option<u32>,
    #[serde(default)]
    after: u32,
    hold: Option<f64>,
    delay: Option<f64>,
}

impl TryFrom<FaultForm> for Fault {
    type Error = serde_json::Error;

    fn try_from(form: FaultForm) -> Result<Self, Self::Error> {
        let FaultForm { kind, operation, times, after, hold, delay } = form;
        let mut fields = serde_json::Map::from_iter([("kind".to_owned(), kind.into())]);
        fields.extend(hold.map(|hold| ("hold".to_owned(), hold.into())));
        fields.extend(delay.map(|delay| ("delay".to_owned(), delay.into())));
        Ok(Self { kind: serde_json::from_value(fields.into())?, operation, times, after })
    }
}

fn once() -> Option<u32> {
    Some(1)
}

/// Durations as seconds, with fractions.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_only_what_it_fits_and_only_as_often_as_armed() {
        let mut faults = Faults::default();
        faults.arm(Fault::next(FaultKind::PriorRequestNotComplete));
        faults.arm(Fault::next(FaultKind::Throttle).on("GetChange").times(2));
        faults.arm(Fault::always(FaultKind::Silence));
        let mut take = |service, operation| faults.take(service, operation);
        assert_eq!(take(Service::Route53, "ListResourceRecordSets"), None);
        assert_eq!(take(Service::Route53, "GetChange"), Some(FaultKind::Throttle));
        assert_eq!(take(Service::Route53, "GetChange"), Some(FaultKind::Throttle));
        assert_eq!(take(Service::Route53, "GetChange"), None);
        assert_eq!(
            take(Service::Route53, "ChangeResourceRecordSets"),
            Some(FaultKind::PriorRequestNotComplete)
        );
        assert_eq!(take(Service::Route53, "ChangeResourceRecordSets"), None);
        assert_eq!(take(Service::CloudWatch, "GetMetricData"), Some(FaultKind::Silence));
        assert_eq!(take(Service::CloudWatch, "GetMetricData"), Some(FaultKind::Silence));
    }

    #[test]
    fn a_fault_that_waits_lets_that_many_calls_pass() {
        let mut faults = Faults::default();
        faults.arm(Fault::next(FaultKind::Throttle).on("GetChange").after(2).times(2));
        let mut hits = |operation| faults.take(Service::Route53, operation).is_some();
        assert_eq!(["GetChange", "ListResourceRecordSets", "GetChange"].map(&mut hits), [false; 3]);
        assert_eq!(["GetChange"; 4].map(&mut hits), [true, true, false, false]);
        assert!(faults.armed().is_empty());
    }

    #[test]
    fn faults_are_read_from_json_and_typos_are_refused() {
        let read = |text: &str| serde_json::from_str::<Fault>(text).ok();
        let delay = Duration::from_millis(1_500);
        assert_eq!(
            read(r#"{"kind": "late_metrics", "delay": 1.5, "times": null}"#),
            Some(Fault::always(FaultKind::LateMetrics { delay }))
        );
        assert_eq!(
            read(r#"{"kind": "throttle", "operation": "GetChange", "times": 2}"#),
            Some(Fault::next(FaultKind::Throttle).on("GetChange").times(2))
        );
        assert_eq!(
            read(r#"{"kind": "late_duplicate", "delay": 1.5, "after": 3}"#),
            Some(Fault::next(FaultKind::LateDuplicate { delay }).after(3))
        );
        for bad in
            [r#"{"kind": "throtle"}"#, r#"{"kind": "throttle", "tims": 2}"#, r#"{"kind": "late_metrics"}"#]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        let fault = Fault::next(FaultKind::DelayedArrival { delay });
        let written = serde_json::to_string(&fault).unwrap_or_default();
        assert_eq!(read(&written), Some(fault), "{written}");
    }
}

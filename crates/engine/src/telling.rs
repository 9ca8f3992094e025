//! What the log says of a shift's events: decisions, and whatever somebody may want to be woken for.

use crossfade_core::{
    event::{Event, Happened},
    shift::OVERDUE,
};

/// One line for an event, if it is one that a log should have. The history has them all.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what people do is logged by the API, and answers where they come"
)]
pub(crate) fn tell(shift: &str, event: &Event) {
    match &event.what {
        Happened::Intended { generation, share, .. } => {
            tracing::info!(shift.name = shift, write.generation = generation, share = %share, "a write is intended");
        }
        Happened::WriteDropped { generation, because } => {
            tracing::warn!(
                shift.name = shift,
                write.generation = generation,
                because,
                "a write was given up"
            );
        }
        Happened::GateFailed { gate, .. } => {
            count("gate_failed");
            tracing::warn!(
                shift.name = shift,
                gate.name = gate.name,
                because = gate.sentence,
                "a gate failed"
            );
        }
        Happened::ApprovalExpired { step, sentence, .. } => {
            count("approval_expired");
            tracing::warn!(
                shift.name = shift,
                shift.step = step + 1,
                because = sentence,
                "an approval did not come"
            );
        }
        Happened::HoldBegan { hold } if hold.code == OVERDUE => {
            count(OVERDUE);
            tracing::warn!(shift.name = shift, hold.code = hold.code, because = hold.sentence, "held");
        }
        Happened::HoldBegan { hold } if hold.until_resumed => {
            count("held_for_a_person");
            tracing::warn!(
                shift.name = shift,
                hold.code = hold.code,
                because = hold.sentence,
                "held until resumed"
            );
        }
        Happened::HoldBegan { hold } => {
            count("held");
            tracing::info!(shift.name = shift, hold.code = hold.code, because = hold.sentence, "held");
        }
        Happened::HoldEnded { hold } => {
            tracing::info!(shift.name = shift, hold.code = hold.code, "no longer held");
        }
        Happened::FoundReverted { generation, .. } => {
            tracing::warn!(
                shift.name = shift,
                write.generation = generation,
                "found reverted by somebody else"
            );
        }
        Happened::Reverted {} => {
            count("reverted");
            tracing::warn!(shift.name = shift, "reverted");
        }
        Happened::Completed {} => {
            count("completed");
            tracing::info!(shift.name = shift, "completed");
        }
        _ => {}
    }
}

fn count(what: &'static str) {
    metrics::counter!("crossfade_shift_events_total", "event" => what).increment(1);
}

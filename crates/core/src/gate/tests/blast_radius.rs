//! What a budget of failed requests counts, and what spends it.

use proptest::prelude::*;

use super::*;
use crate::gate::ErrorNumbers;

/// The legacy side fails once in a thousand requests.
fn with_budget(budget: &str, from: bool) -> Gate {
    let mut text = format!("{GATE}    blast_radius: {budget}\n");
    if !from {
        text = text.replace("      from: { preset: alb, load_balancer: app/legacy/1 }\n", "");
    }
    gate_of(&text)
}

fn told(gate: &Gate, data: &GateData, standing: Standing) -> (Verdict, String, String, ErrorNumbers) {
    let report = judge(gate, Some(data), standing, now());
    (report.verdict, report.code.clone(), report.sentence.clone(), report.errors().unwrap().clone())
}

#[test]
fn a_spent_budget_fails_whatever_the_rate() {
    // 0.4 % is within the limit of 0.6 %, and 3 in a thousand more than usual: 1.49 in each minute.
    let data = data(&minutes(20, 3, 500, 2));
    let (verdict, code, _, numbers) =
        told(&with_budget("{ per_step: 25, per_shift: 30 }", true), &data, standing());
    assert_eq!((verdict, code.as_str()), (Verdict::Pass, "healthy"));
    // 18 periods since it was moved, of which 14 since resolvers began to answer with this step.
    assert_eq!((numbers.excess_step, numbers.excess_shift), (Some(21), Some(27)));

    let (verdict, code, sentence, _) =
        told(&with_budget("{ per_step: 20, per_shift: 30 }", true), &data, standing());
    assert_eq!((verdict, code.as_str()), (Verdict::Fail, "blast_radius"));
    assert_eq!(sentence, "21 requests more than usual failed at this step; its budget is 20");

    let (.., sentence, _) = told(&with_budget("{ per_shift: 26 }", true), &data, standing());
    assert_eq!(
        sentence,
        "27 requests more than usual failed since traffic was moved; the shift's budget is 26"
    );
    let (verdict, ..) = told(&with_budget("{ per_step: 21 }", true), &data, standing());
    assert_eq!(verdict, Verdict::Pass);
}

#[test]
fn without_a_from_side_every_failed_request_counts() {
    let data = GateData { from: None, ..data(&minutes(20, 3, 1_000, 2)) };
    let (verdict, code, sentence, numbers) = told(&with_budget("{ per_step: 25 }", false), &data, standing());
    assert_eq!((verdict, code.as_str()), (Verdict::Fail, "blast_radius"));
    assert_eq!(sentence, "28 requests failed at this step; its budget is 25");
    assert_eq!(numbers.excess_shift, Some(36));
}

#[test]
fn a_few_errors_are_enough_for_a_small_budget() {
    // The gate itself needs ten errors before it acts.
    let (verdict, code, ..) =
        told(&with_budget("{ per_step: 3 }", true), &quiet(&minutes(5, 3, 4, 2)), standing());
    assert_eq!((verdict, code.as_str()), (Verdict::Fail, "blast_radius"));
}

#[test]
fn an_outage_of_both_sides_spends_no_budget() {
    let mut both = data(&[minutes(20, 8, 500, 0), minutes(7, 3, 500, 100)].concat());
    both.from = Some(fetched(&[minutes(60, 8, 1_000, 0), minutes(7, 3, 1_000, 200)].concat()));
    let gate = with_budget("{ per_step: 50 }", true);
    let (verdict, code, _, numbers) = told(&gate, &both, standing());
    assert_eq!((verdict, code.as_str()), (Verdict::Hold, "shared_outage"));
    assert_eq!(numbers.excess_step, Some(0));
    let alone = data(&[minutes(20, 8, 500, 0), minutes(7, 3, 500, 100)].concat());
    assert_eq!(told(&gate, &alone, standing()).0, Verdict::Fail);
}

#[test]
fn what_is_missing_makes_nothing_up() {
    let gate = with_budget("{ per_step: 10 }", true);
    let bad = minutes(10, 6, 1_000, 5);
    let later: Vec<Row> = (3..6).map(|ago| (ago, Some(100_000), None)).collect();
    let rows = [bad.clone(), later].concat();
    // A load balancer publishes errors only when there are any, so that these minutes are good ones…
    assert_eq!(told(&gate, &data(&rows), standing()).3.excess_step, Some(0));
    // …unless the answer is known not to be complete.
    let mut incomplete = data(&rows);
    incomplete.to.incomplete = Some("PartialData".to_owned());
    assert_eq!(told(&gate, &incomplete, standing()).0, Verdict::Fail);
    // Neither old data nor a `from` side that is not heard of excuse what was counted.
    let mut old = GateData { fetched_at: minutes_ago(60), ..data(&bad) };
    assert_eq!(told(&gate, &old, standing()).1, "blast_radius");
    old.from = Some(Fetched::default());
    assert_eq!(told(&gate, &old, standing()).3.excess_step, Some(25));
}

#[test]
fn while_a_step_is_written_only_the_shifts_budget_counts() {
    let writing = Standing { settled_at: None, ..standing() };
    let data = data(&minutes(20, 3, 500, 2));
    let (verdict, .., numbers) = told(&with_budget("{ per_step: 1 }", true), &data, writing);
    assert_eq!((verdict, numbers.excess_step), (Verdict::Wait, None));
    assert_eq!(told(&with_budget("{ per_shift: 26 }", true), &data, writing).0, Verdict::Fail);
}

/// Requests and errors of both sides, if they are there.
fn minute() -> impl Strategy<Value = [Option<u64>; 4]> {
    let side = || (prop::option::weighted(0.9, 0..2_000_u64), prop::option::weighted(0.8, 0..50_u64));
    (side(), side()).prop_map(|((to, bad), (from, worse))| [to, bad, from, worse])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// More errors in any closed period, up to its requests, never make a budget's gate milder, nor its excess smaller.
    #[test]
    fn more_errors_never_spend_less(
        series in prop::collection::vec(minute(), 3..30),
        at in 0..30_usize,
        more in 0..2_000_u64,
        (settled, from) in (prop::option::of(0..30_i64), any::<bool>()),
        (to_missing, old) in (any::<bool>(), any::<bool>()),
    ) {
        let gate = with_budget("{ per_step: 20, per_shift: 60 }", from);
        let standing = Standing { settled_at: settled.map(minutes_ago), ..standing() };
        let at = at % series.len();
        let rows = |counts: &[[Option<u64>; 4]], side: usize| -> Vec<Row> {
            let ago = |i: usize| 4 + (series.len() - i) as i64;
            counts.iter().enumerate().map(|(i, row)| (ago(i), row[side], row[side + 1])).collect()
        };
        let judged = |extra: u64| {
            let mut counts = series.clone();
            let [requests, errors, ..] = &mut counts[at];
            if let Some(requests) = requests.filter(|_| extra > 0) {
                let before = errors.unwrap_or(0);
                *errors = Some((before + extra).min(requests.max(before)));
            }
            let from = from.then(|| fetched(&rows(&counts, 2)));
            let mut data = GateData { from, ..data(&rows(&counts, 0)) };
            data.to.incomplete = to_missing.then(|| "PartialData".to_owned());
            data.fetched_at = if old { minutes_ago(30) } else { now() };
            judge(&gate, Some(&data), standing, now())
        };
        let (few, many) = (judged(0), judged(more));
        let spent = |report: &GateReport| {
            let numbers = report.errors().unwrap();
            (numbers.excess_step, numbers.excess_shift)
        };
        // A period whose errors were missing was left out, and need not be bad.
        let known = !to_missing || series[at][1].is_some();
        if known {
            prop_assert!(spent(&many).0 >= spent(&few).0 && spent(&many).1 >= spent(&few).1);
            let is_spent = |report: &GateReport| report.code == "blast_radius";
            prop_assert!(!is_spent(&few) || many.verdict == Verdict::Fail, "{few:?} then {many:?}");
        }
    }
}

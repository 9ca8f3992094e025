use proptest::prelude::*;

use super::*;

type Case<'a> = (f64, &'a [(&'a str, u32)], &'a [(&'a str, u32)], &'a [(&'a str, u8)], f64);

fn side(side: &[(&str, u32)]) -> Side {
    side.iter().map(|(id, relative)| ((*id).to_owned(), *relative)).collect()
}

#[track_caller]
fn check((percent, from, to, wanted, error_points): Case<'_>) {
    let realised = realise(Share::from_percent(percent).unwrap(), &side(from), &side(to)).unwrap();
    let weights: Vec<(&str, u8)> = realised.weights.iter().map(|(id, w)| (id.as_str(), w.0)).collect();
    assert_eq!(weights, wanted, "{percent} % of {from:?} -> {to:?}: {realised:?}");
    assert!((realised.error * 100.0 - error_points).abs() < 0.0005, "{percent} %: {realised:?}");
}

#[test]
fn shares_become_weights() {
    let two: (&[_], &[_]) = (&[("legacy", 1)], &[("cloud", 1)]);
    let clouds: (&[_], &[_]) = (&[("legacy", 1)], &[("aws", 5), ("gcp", 3), ("own", 2)]);
    for case in [
        (0.0, two.0, two.1, &[("cloud", 0), ("legacy", 1)][..], 0.0),
        (1.0, two.0, two.1, &[("cloud", 1), ("legacy", 99)], 0.0),
        (5.0, two.0, two.1, &[("cloud", 1), ("legacy", 19)], 0.0),
        (50.0, two.0, two.1, &[("cloud", 1), ("legacy", 1)], 0.0),
        (75.0, two.0, two.1, &[("cloud", 3), ("legacy", 1)], 0.0),
        (100.0, two.0, two.1, &[("cloud", 1), ("legacy", 0)], 0.0),
        (33.3333, two.0, two.1, &[("cloud", 1), ("legacy", 2)], 0.0),
        (0.5, two.0, two.1, &[("cloud", 1), ("legacy", 199)], 0.0),
        // Less than 1 in 256 cannot be had from two record sets: this is as close as it gets.
        (0.1, two.0, two.1, &[("cloud", 1), ("legacy", 255)], 0.290_6),
        // 0.25, 0.15 and 0.1 %: each must have a 1, and legacy cannot have more than 255.
        (0.5, clouds.0, clouds.1, &[("aws", 1), ("gcp", 1), ("legacy", 255), ("own", 1)], 0.662_8),
        (0.0, clouds.0, clouds.1, &[("aws", 0), ("gcp", 0), ("legacy", 1), ("own", 0)], 0.0),
        (100.0, clouds.0, clouds.1, &[("aws", 5), ("gcp", 3), ("legacy", 0), ("own", 2)], 0.0),
        (10.0, clouds.0, clouds.1, &[("aws", 5), ("gcp", 3), ("legacy", 90), ("own", 2)], 0.0),
        // A set identifier without a relative share gets nothing at any share.
        (50.0, &[("a", 1), ("b", 0)], &[("c", 0), ("d", 1)], &[("a", 1), ("b", 0), ("c", 0), ("d", 1)], 0.0),
    ] {
        check(case);
    }
}

#[test]
fn sides_that_cannot_be_weighted_are_refused() {
    let half = Share::from_percent(50.0).unwrap();
    let many: Side = (0..100).map(|i| (format!("id{i}"), 1)).collect();
    for (from, to, wanted) in [
        (side(&[]), side(&[("b", 1)]), WeightsError::EmptySide("from")),
        (side(&[("a", 1)]), side(&[("b", 0)]), WeightsError::EmptySide("to")),
        (side(&[("a", 1)]), side(&[("a", 1)]), WeightsError::OnBothSides("a".to_owned())),
        (side(&[("a", 1)]), many, WeightsError::TooMany(101)),
    ] {
        assert_eq!(realise(half, &from, &to), Err(wanted));
    }
}

#[test]
fn the_share_of_weights_is_read_back() {
    let weights = BTreeMap::from([("a".to_owned(), Weight(30)), ("b".to_owned(), Weight(10))]);
    assert_eq!(share_of(&weights, &side(&[("b", 1)])), Share::from_percent(25.0).ok());
    let zero = BTreeMap::from([("a".to_owned(), Weight(0))]);
    assert_eq!(share_of(&zero, &side(&[("a", 1)])), None);
}

#[test]
fn a_hundred_record_sets_come_close_to_their_shares() {
    let from: Side = (0..37).map(|i| (format!("from{i}"), 1 + i * i)).collect();
    let to: Side = (0..63).map(|i| (format!("to{i}"), 7 + i * 13 % 29)).collect();
    let realised = realise(Share::from_percent(37.1234).unwrap(), &from, &to).unwrap();
    assert_eq!(realised.weights.len(), 100);
    assert!(realised.error < 0.001, "{}", realised.error);
    assert!((realised.share - 0.371_234).abs() < 0.02, "{}", realised.share);
}

/// Every vector of weights up to `largest`; the smallest error first, then the smallest sum.
fn by_force(largest: u32, targets: &[u128], whole: u128) -> (f64, u32) {
    let mut best = None::<(u128, u128)>;
    let mut weights = vec![1; targets.len()];
    loop {
        let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        let error =
            targets.iter().zip(&weights).map(|(t, w)| (u128::from(*w) * whole).abs_diff(t * sum)).max();
        let error = error.unwrap();
        if best.is_none_or(|(e, s)| (error * s, sum) < (e * sum, s)) {
            best = Some((error, sum));
        }
        let Some(i) = weights.iter().position(|w| *w < largest) else { break };
        weights[i] += 1;
        weights[..i].fill(1);
    }
    let (error, sum) = best.unwrap();
    (error as f64 / (whole as f64 * sum as f64), sum as u32)
}

/// One or two set identifiers, the first with a relative share above zero.
fn some_side(prefix: &'static str) -> impl Strategy<Value = Side> {
    (1..12u32, proptest::option::of(0..12u32)).prop_map(move |(first, second)| {
        let relative = std::iter::once(first).chain(second);
        relative.enumerate().map(|(i, relative)| (format!("{prefix}{i}"), relative)).collect()
    })
}

proptest! {
    #[test]
    fn nothing_comes_closer(
        ppm in prop_oneof![0..=1_000_000u32, 0..20_000u32, Just(0), Just(1_000_000)],
        from in some_side("f"),
        to in some_side("t"),
        largest in 1..=12u32,
    ) {
        let share = Share::from_percent(f64::from(ppm) / 10_000.0).unwrap();
        let realised = realise_up_to(largest, share, &from, &to).unwrap();
        let (_, targets, whole) = targets(share, &from, &to);
        let (error, sum) = by_force(largest, &targets, whole);
        prop_assert_eq!(realised.error, error);
        prop_assert_eq!(realised.weights.values().map(|w| u32::from(w.0)).sum::<u32>(), sum);
    }

    #[test]
    fn whoever_should_get_something_does_and_nobody_else(
        ppm in 0..=1_000_000u32,
        relative in proptest::collection::vec(0..=u32::MAX, 2..=12),
        cut in 1..11usize,
    ) {
        let share = Share::from_percent(f64::from(ppm) / 10_000.0).unwrap();
        let all: Vec<_> = relative.into_iter().enumerate().map(|(i, r)| (format!("id{i}"), r)).collect();
        let (from, to) = all.split_at(cut.min(all.len() - 1));
        let (from, to): (Side, Side) = (from.iter().cloned().collect(), to.iter().cloned().collect());
        prop_assume!(check_sides(&from, &to).is_ok());
        let realised = realise(share, &from, &to).unwrap();
        for (side, served) in [(&from, ppm < 1_000_000), (&to, ppm > 0)] {
            for (id, relative) in side {
                prop_assert_eq!(realised.weights[id].0 > 0, served && *relative > 0);
            }
        }
        prop_assert!(realised.weights.values().any(|weight| weight.0 > 0));
    }
}

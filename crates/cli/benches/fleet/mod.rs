//! A playground with many record groups, and a daemon with a running shift for each.

use std::{collections::BTreeMap, time::Duration};

use crossfade::client::Client;
use crossfade_core::{
    plan::Format,
    shift::{Command, Stage},
};
use crossfade_playground::{Options, Playground, Record};
use futures::{StreamExt as _, stream};

/// Nothing is throttled and every change is in sync at once: what is measured is the daemon.
pub(crate) async fn playground() -> Playground {
    let options = Options { throttle: None, insync_delay: Duration::ZERO, ..Options::default() };
    Playground::start(options).await.unwrap()
}

/// Zones of a hundred names each, with a legacy and a cloud record for every name. Zone ids by name.
pub(crate) fn records(playground: &Playground, count: usize) -> BTreeMap<String, String> {
    let world = playground.world();
    let mut names = BTreeMap::new();
    let mut zone = String::new();
    for n in 0..count {
        if n % 100 == 0 {
            zone = world.create_zone(&format!("z{}.example", n / 100));
        }
        let name = format!("w{n}.z{}.example", n / 100);
        for (side, weight, value) in [("legacy", 100, "192.0.2.10"), ("cloud", 0, "198.51.100.10")] {
            world.put_record(&zone, Record::weighted(&name, "A", 60, side, weight, [value]));
        }
        names.insert(name, zone.clone());
    }
    names
}

/// A shift for every name, at its first step.
pub(crate) async fn under_way(client: &Client, names: &BTreeMap<String, String>) {
    let start = |(name, zone): (&String, &String)| {
        let (name, zone) = (name.clone(), zone.clone());
        async move {
            client.create(plan(&name, &zone), Format::Yaml, None).await.unwrap();
            client.command(&shift(&name), Command::Start, None).await.unwrap();
        }
    };
    stream::iter(names).for_each_concurrent(8, start).await;
    for name in names.keys() {
        landed(client, &shift(name)).await;
    }
}

/// Waits until the shift's first step is in sync.
pub(crate) async fn landed(client: &Client, shift: &str) {
    loop {
        let now = client.shift(shift).await.unwrap();
        if now.share.set.is_some_and(|share| share.percent() >= 10.0)
            && matches!(now.step.stage, Stage::Settling | Stage::Observing)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn shift(name: &str) -> String {
    name.replace('.', "-")
}

fn plan(name: &str, zone: &str) -> String {
    let source = |side: &str| {
        format!(
            "{{ preset: custom, namespace: Bench, dimensions: {{ Name: {name}, Side: {side} }}, errors: [Errors], \
             requests: [Requests] }}"
        )
    };
    format!(
        "name: {}\nrecords: [{{ zone: {zone}, name: {name}, types: [A] }}]\nfrom: {{ legacy: 1 }}\nto: {{ cloud: 1 }}\n\
         ramp: {{ steps: [10, 50, 100], hold: 10h }}\n\
         gates: [{{ name: errors, error_rate: {{ to: {} }} }}]\n",
        shift(name),
        source("cloud"),
    )
}

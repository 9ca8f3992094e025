//! Whatever Route 53 answers: to a search, a listing, a batch, and a question after a change.

#![no_main]

#[path = "stub.rs"]
mod stub;

use std::collections::BTreeSet;

use aws_sdk_route53::Client;
use crossfade_aws::Route53;
use crossfade_core::{RecordName, ZoneId, batch::compare_and_swap, event::ChangeId, fence::Fence};
use crossfade_ports::Zones;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [status, body @ ..] = data else { return };
    let config = stub::answering(*status, ("content-type", "text/xml"), body);
    let route53 = Route53::new(Client::new(&config));
    let (zone, name) = (ZoneId::new("Z1"), RecordName::new("www.example.com"));
    stub::run(async {
        let names = BTreeSet::from([name.fence(), name.clone()]);
        let listed = route53.read(&zone, &names).await.unwrap_or_default();
        // Whatever is listed can be written back, or be refused.
        let fence = Fence {
            owner: "o".into(),
            shift: "s".into(),
            generation: 1,
            epoch: 1,
            baseline: Default::default(),
        };
        let fences = [(name, fence)].into();
        let batch = compare_and_swap(&zone, "", &listed, &Default::default(), &fences, &Default::default());
        if let Ok(mut batch) = batch {
            let action = crossfade_core::batch::Action::Delete;
            batch.changes.extend(listed.into_iter().map(|set| crossfade_core::batch::Change { action, set }));
            let _ = route53.submit(&batch).await;
        }
        let _ = route53.find("example.com").await;
        let _ = route53.find("Z1").await;
        let _ = route53.change(&ChangeId("C1".to_owned())).await;
    });
});

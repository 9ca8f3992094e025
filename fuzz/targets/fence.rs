//! Fences: TXT records that anybody with access to the zone can write. What is read as a fence is written as one.

#![no_main]

use crossfade_core::{RecordName, RecordSet, Routing, fence::Fence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = RecordName::new("www.example.com");
    // A record with a line for each of its values.
    let set = RecordSet {
        name: name.fence(),
        record_type: "TXT".to_owned(),
        routing: Routing::Simple,
        ttl_seconds: Some(60),
        values: text.lines().map(str::to_owned).collect(),
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    };
    if let Some(fence) = Fence::decode(&set) {
        let again = Fence::decode(&fence.record_set(&name)).expect("a fence that was written is read");
        // A baseline that is too long for a value is left out.
        assert!(again == fence || again.baseline.is_empty());
        assert_eq!((again.owner, again.shift), (fence.owner, fence.shift));
    }
    // A name is in one spelling, whatever it was.
    let name = RecordName::new(text);
    assert_eq!(RecordName::new(name.as_str()), name);
});

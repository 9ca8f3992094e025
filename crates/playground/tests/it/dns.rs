//! DNS on the wire.

use std::collections::BTreeMap;

use crossfade_playground::Record;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::{NAME, answers, ask_tcp, ask_udp, change, held, immediate, with_group};

#[tokio::test]
async fn answers_follow_the_weights_that_are_in_sync() {
    let playground = held().await;
    let world = playground.world();
    let zone = with_group(&playground);
    let draw = async || {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..400 {
            let message = ask_udp(playground.dns_addr(), NAME, RecordType::A).await;
            assert!(message.metadata.authoritative);
            for value in answers(&message) {
                *counts.entry(value).or_default() += 1;
            }
        }
        counts
    };
    let cloud = draw().await.get("198.51.100.10").copied().unwrap_or_default();
    assert!((10..=70).contains(&cloud), "10 % of 400, five standard deviations wide: {cloud}");

    for (id, weight) in [("legacy", 0), ("cloud", 100)] {
        world.foreign_weight(&zone, NAME, "A", id, weight).unwrap();
    }
    assert_eq!(draw().await, BTreeMap::from([("198.51.100.10".to_owned(), 400)]));
}

#[tokio::test]
async fn what_is_pending_is_not_answered() {
    let playground = held().await;
    let world = playground.world();
    let zone = world.create_zone("example.com");
    let create = crate::support::change_xml(
        "CREATE",
        "new.example.com",
        "A",
        "<TTL>30</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>",
    );
    assert_eq!(change(&playground, &zone, &create).await.expect("an answer").status, 200);
    let pending = ask_udp(playground.dns_addr(), "new.example.com", RecordType::A).await;
    assert_eq!(pending.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(pending.authorities.len(), 1, "the SOA");
    world.sync_now();
    let in_sync = ask_udp(playground.dns_addr(), "new.example.com", RecordType::A).await;
    assert_eq!(answers(&in_sync), ["192.0.2.1"]);
}

#[tokio::test]
async fn every_type_reaches_the_wire() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = world.create_zone("example.com");
    let fence = "\"crossfade 1 gen=42\" \"second \\\"string\\\"\"";
    for (record_type, value, shown) in [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("TXT", fence, "crossfade 1 gen=42second \"string\""),
        ("MX", "10 mail.example.com", "10 mail.example.com."),
        ("SRV", "1 2 443 host.example.com", "1 2 443 host.example.com."),
        ("CAA", "0 issue \"amazon.com\"", "0 issue \"amazon.com\""),
        ("HTTPS", "1 . alpn=h2", "1 . alpn=h2"),
    ] {
        world.put_record(&zone, Record::simple("all.example.com", record_type, 60, [value]));
        let wire: RecordType = record_type.parse().unwrap();
        for message in [
            ask_udp(playground.dns_addr(), "all.example.com", wire).await,
            ask_tcp(playground.dns_addr(), "all.example.com", wire).await,
        ] {
            let seen = answers(&message).concat();
            assert!(seen.starts_with(shown), "{record_type}: {seen}");
            assert_eq!(message.answers[0].ttl, 60);
        }
    }
    world.put_record(&zone, Record::simple("c.example.com", "CNAME", 60, ["all.example.com"]));
    assert_eq!(
        answers(&ask_udp(playground.dns_addr(), "c.example.com", RecordType::A).await),
        ["all.example.com.", "192.0.2.1"]
    );
    world.put_record(&zone, Record::simple("*.example.com", "A", 60, ["192.0.2.9"]));
    assert_eq!(
        answers(&ask_udp(playground.dns_addr(), "any.example.com", RecordType::A).await),
        ["192.0.2.9"]
    );
    let soa = ask_udp(playground.dns_addr(), "example.com", RecordType::SOA).await;
    assert_eq!(soa.answers.len(), 1);
    let refused = ask_udp(playground.dns_addr(), "www.example.org", RecordType::A).await;
    assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
}

#[tokio::test]
async fn long_answers_move_to_tcp() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = world.create_zone("example.com");
    let addresses: Vec<String> = (1..=100).map(|last| format!("192.0.2.{last}")).collect();
    world.put_record(&zone, Record::simple("many.example.com", "A", 60, addresses));
    let short = ask_udp(playground.dns_addr(), "many.example.com", RecordType::A).await;
    assert!(short.metadata.truncation);
    let long = ask_tcp(playground.dns_addr(), "many.example.com", RecordType::A).await;
    assert_eq!(long.answers.len(), 100);
}

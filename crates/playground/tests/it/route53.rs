//! Route 53 as it is on the wire.

use crossfade_playground::{Alias, BatchErrorForm, Options, Outcome, Record, Throttle};

use crate::support::{change, change_xml, get, held, immediate, send, start, swap, weighted, with_group};

const LEGACY: &str = "192.0.2.10";

/// Sends one batch to a fresh zone and compares the refusal; no text means it must be accepted.
async fn check(what: &str, changes: String, status: u16, code: &str, text: &str) {
    let playground = immediate().await;
    let zone = with_group(&playground);
    let before = playground.world().records(&zone);
    let answer = change(&playground, &zone, &changes).await.expect("an answer");
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    if status != 200 {
        assert_eq!(answer.text("Code"), Some(code), "{what}: {}", answer.body);
        assert!(answer.body.replace("&apos;", "'").contains(text), "{what}: {}", answer.body);
        assert_eq!(playground.world().records(&zone), before, "{what}: whole or not at all");
    }
    playground.shutdown().await;
}

#[tokio::test]
async fn requests_are_checked_before_any_zone_is_looked_at() {
    let value =
        "<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>";
    let set = |rest: &str| change_xml("CREATE", "x.example.com", "A", rest);
    let long = "x".repeat(129);
    let cases: Vec<(&str, String, u16, &str, &str)> = vec![
        ("good", weighted("UPSERT", "legacy", "255", LEGACY), 200, "", ""),
        (
            "weight too big",
            weighted("UPSERT", "legacy", "256", LEGACY),
            400,
            "InvalidInput",
            "Member must have value less than or equal to 255",
        ),
        (
            "weight negative",
            weighted("UPSERT", "legacy", "-1", LEGACY),
            400,
            "InvalidInput",
            "greater than or equal to 0",
        ),
        ("weight no number", weighted("UPSERT", "legacy", "ten", LEGACY), 400, "MalformedInput", "'ten'"),
        (
            "identifier too long",
            weighted("UPSERT", &long, "1", LEGACY),
            400,
            "InvalidInput",
            "length between 1 and 128",
        ),
        (
            "identifier empty",
            weighted("UPSERT", "", "1", LEGACY),
            400,
            "InvalidInput",
            "length between 1 and 128",
        ),
        (
            "weight without identifier",
            set(&format!("<Weight>1</Weight><TTL>1</TTL>{value}")),
            400,
            "InvalidInput",
            "Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=x.example.com., Type=A, SetIdentifier=null]",
        ),
        (
            "identifier without weight",
            set(&format!("<SetIdentifier>a</SetIdentifier><TTL>1</TTL>{value}")),
            400,
            "InvalidInput",
            "Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], but found none in Change with [Action=CREATE",
        ),
        (
            "two policies",
            set(&format!(
                "<SetIdentifier>a</SetIdentifier><Weight>1</Weight><Region>eu-west-1</Region><TTL>1</TTL>{value}"
            )),
            400,
            "InvalidInput",
            "but found more than one",
        ),
        ("no TTL", set(value), 400, "InvalidInput", "all of [TTL, and ResourceRecords]"),
        ("nothing at all", set(""), 400, "InvalidInput", "but found none"),
        (
            "unknown type",
            change_xml("CREATE", "x.example.com", "LOC", &format!("<TTL>1</TTL>{value}")),
            400,
            "InvalidInput",
            "enum value set",
        ),
        (
            "unknown action",
            weighted("REPLACE", "legacy", "1", LEGACY),
            400,
            "InvalidInput",
            "[CREATE, DELETE, UPSERT]",
        ),
        (
            "no changes",
            String::new(),
            400,
            "InvalidInput",
            "The content of element 'Changes' is not complete",
        ),
        (
            "unknown health check",
            set(&format!(
                "<SetIdentifier>a</SetIdentifier><Weight>1</Weight><TTL>1</TTL>{value}<HealthCheckId>none</HealthCheckId>"
            )),
            404,
            "NoSuchHealthCheck",
            "none",
        ),
        (
            "not emulated",
            set("<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>"),
            400,
            "InvalidInput",
            "not emulated",
        ),
        (
            "bad name",
            change_xml("CREATE", "a..example.com", "A", &format!("<TTL>1</TTL>{value}")),
            400,
            "InvalidChangeBatch",
            "DomainLabel",
        ),
        (
            "stale weight",
            weighted("DELETE", "legacy", "91", LEGACY),
            400,
            "InvalidChangeBatch",
            "[Tried to delete resource record set [name='www.example.com.', type='A', set-identifier='legacy'] but the values provided do not match the current values]",
        ),
        (
            "late failure",
            swap() + &weighted("DELETE", "third", "1", LEGACY),
            400,
            "InvalidChangeBatch",
            "but it was not found",
        ),
    ];
    for (what, changes, status, code, text) in cases {
        check(what, changes, status, code, text).await;
    }
}

#[tokio::test]
async fn documents_of_the_wrong_kind_are_refused() {
    let playground = immediate().await;
    let zone = with_group(&playground);
    let path = format!("/2013-04-01/hostedzone/{zone}/rrset");
    for (body, code, text) in [
        (
            "<ChangeBatch/>",
            "MalformedInput",
            "ChangeBatch is not valid, expected ChangeResourceRecordSetsRequest",
        ),
        ("not xml", "MalformedInput", "Could not parse XML"),
        ("<ChangeResourceRecordSetsRequest/>", "InvalidInput", "Cannot find the declaration of element"),
    ] {
        let answer = send(&playground, "POST", &path, "", body.as_bytes()).await.expect("an answer");
        assert_eq!((answer.status, answer.text("Code")), (400, Some(code)), "{body}: {}", answer.body);
        assert!(answer.body.contains(text), "{body}: {}", answer.body);
    }
    for (path, status, code) in [
        ("/2013-04-01/hostedzone/ZNONE/rrset", 404, "NoSuchHostedZone"),
        ("/2013-04-01/hostedzone/ZNONE", 404, "NoSuchHostedZone"),
        ("/2013-04-01/change/CNONE", 404, "NoSuchChange"),
        ("/2013-04-01/trafficpolicies", 501, "NotImplemented"),
    ] {
        let answer = get(&playground, path).await;
        assert_eq!((answer.status, answer.text("Code")), (status, Some(code)), "{path}");
    }
}

#[tokio::test]
async fn a_change_is_listed_at_once_and_in_sync_later() {
    let playground = held().await;
    let world = playground.world();
    let zone = with_group(&playground);
    let answer = change(&playground, &zone, &swap()).await.expect("an answer");
    assert_eq!(answer.text("Status"), Some("PENDING"));
    assert_eq!(answer.text("Comment"), Some("step 1"));
    let id = answer.text("Id").unwrap().to_owned();
    let path = format!("/2013-04-01{id}");
    assert_eq!(get(&playground, &path).await.text("Status"), Some("PENDING"));
    assert_eq!(world.weights(&zone, "www.example.com", "A")["legacy"], 75);
    assert_eq!(world.visible_weights(&zone, "www.example.com", "A")["legacy"], 90);

    let again =
        change(&playground, &zone, &weighted("UPSERT", "legacy", "70", LEGACY)).await.expect("an answer");
    assert_ne!(again.text("Id"), Some(id.as_str()), "every change has its own id");
    world.sync_now();
    assert_eq!(get(&playground, &path).await.text("Status"), Some("INSYNC"));
    assert_eq!(world.visible_weights(&zone, "www.example.com", "A")["legacy"], 70);

    let journal = world.journal();
    assert_eq!(journal.len(), 2);
    assert_eq!(journal[0].comment.as_deref(), Some("step 1"));
    assert_eq!(journal[0].changes.len(), 4);
    assert!(matches!(&journal[0].outcome, Outcome::Applied { answered: true, .. }));
    assert_eq!(world.calls()["GetChange"], 2);
}

#[tokio::test]
async fn a_change_becomes_in_sync_by_itself() {
    let playground =
        start(Options { insync_delay: std::time::Duration::from_millis(20), ..Options::default() }).await;
    let world = playground.world();
    let zone = with_group(&playground);
    change(&playground, &zone, &swap()).await.expect("an answer");
    world.wait_for(|world| (world.pending_changes() == 0).then_some(())).await;
    assert_eq!(world.visible_weights(&zone, "www.example.com", "A")["cloud"], 25);
}

#[tokio::test]
async fn a_foreign_write_is_not_undone_by_an_older_change() {
    let playground = held().await;
    let world = playground.world();
    let zone = with_group(&playground);
    change(&playground, &zone, &swap()).await.expect("an answer");
    world.foreign_weight(&zone, "www.example.com", "A", "legacy", 3).unwrap();
    world.sync_now();
    assert_eq!(world.visible_weights(&zone, "www.example.com", "A")["legacy"], 3);
    let stale =
        change(&playground, &zone, &weighted("DELETE", "legacy", "75", LEGACY)).await.expect("an answer");
    assert_eq!(stale.text("Code"), Some("InvalidChangeBatch"));
    world.foreign_delete(&zone, "www.example.com", "A", "legacy").unwrap();
    assert_eq!(world.weights(&zone, "www.example.com", "A").len(), 1);
}

#[tokio::test]
async fn listings_are_ordered_escaped_and_paged() {
    let playground = immediate().await;
    let world = playground.world();
    let zone = with_group(&playground);
    world.put_record(&zone, Record::simple("*.Example.com", "A", 60, [LEGACY]));
    world.put_record(&zone, Record::simple("a.www.example.com", "TXT", 60, ["\"<&>\""]));
    let target =
        Alias { zone_id: "ZELB".to_owned(), name: "LB.example.net".to_owned(), evaluate_target_health: true };
    world.put_record(&zone, Record::alias("b.example.com", "A", target));
    for index in 0..12 {
        world.put_record(
            &zone,
            Record::weighted("group.example.com", "A", 60, &format!("m{index:02}"), 1, [LEGACY]),
        );
    }
    let list = format!("/2013-04-01/hostedzone/{zone}/rrset");

    let all = get(&playground, &list).await;
    let names: Vec<&str> = all
        .body
        .split("<ResourceRecordSet><Name>")
        .skip(1)
        .filter_map(|part| part.split("</Name>").next())
        .collect();
    let distinct = names.iter().fold(Vec::new(), |mut seen: Vec<&str>, name| {
        if seen.last() != Some(name) {
            seen.push(name);
        }
        seen
    });
    assert_eq!(
        distinct,
        [
            "example.com.",
            "\\052.example.com.",
            "b.example.com.",
            "group.example.com.",
            "www.example.com.",
            "a.www.example.com."
        ]
    );
    assert!(all.body.contains("&quot;&lt;&amp;&gt;&quot;"), "{}", all.body);
    let alias = all
        .body
        .split("<Name>b.example.com.</Name>")
        .nth(1)
        .unwrap()
        .split("</ResourceRecordSet>")
        .next()
        .unwrap();
    assert!(!alias.contains("TTL") && alias.contains("<DNSName>lb.example.net.</DNSName>"), "{alias}");

    let mut path = format!("{list}?name=group.example.com&maxitems=5");
    let mut seen = Vec::new();
    loop {
        let page = get(&playground, &path).await;
        assert_eq!(page.text("MaxItems"), Some("5"));
        seen.extend(
            page.body
                .split("<SetIdentifier>")
                .skip(1)
                .filter_map(|part| part.split('<').next())
                .map(str::to_owned),
        );
        if page.text("IsTruncated") == Some("false") {
            break;
        }
        let next = |element| page.text(element).unwrap_or_default();
        path = format!(
            "{list}?maxitems=5&name={}&type={}&identifier={}",
            next("NextRecordName"),
            next("NextRecordType"),
            next("NextRecordIdentifier")
        );
    }
    let mut expected: Vec<String> = (0..12).map(|index| format!("m{index:02}")).collect();
    expected.extend(["cloud".to_owned(), "legacy".to_owned()]);
    assert_eq!(seen, expected);
    assert_eq!(get(&playground, &format!("{list}?type=A")).await.text("Code"), Some("InvalidInput"));
    assert_eq!(
        get(&playground, &format!("{list}?name=a.example.com&identifier=x")).await.text("Code"),
        Some("InvalidInput")
    );
}

#[tokio::test]
async fn zones_are_made_listed_and_removed() {
    let playground = immediate().await;
    let create = |name: &str, reference: &str| {
        format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>{reference}</CallerReference></CreateHostedZoneRequest>"
        )
    };
    let post = async |body: String| {
        send(&playground, "POST", "/2013-04-01/hostedzone", "", body.as_bytes()).await.expect("an answer")
    };
    let made = post(create("B.example.com", "one")).await;
    assert_eq!((made.status, made.text("Name"), made.count("NameServer")), (201, Some("b.example.com."), 4));
    assert_eq!(post(create("a.example.com", "one")).await.text("Code"), Some("HostedZoneAlreadyExists"));
    assert_eq!(post(create("a..com", "two")).await.text("Code"), Some("InvalidDomainName"));
    assert_eq!(post(create("a.example.com", "two")).await.status, 201);

    let by_name = get(&playground, "/2013-04-01/hostedzonesbyname?dnsname=b.example.com&maxitems=1").await;
    assert_eq!((by_name.text("Name"), by_name.text("IsTruncated")), (Some("b.example.com."), Some("false")));
    let first = get(&playground, "/2013-04-01/hostedzone?maxitems=1").await;
    let marker = first.text("NextMarker").unwrap();
    assert_eq!(
        get(&playground, &format!("/2013-04-01/hostedzone?marker={marker}")).await.count("HostedZone"),
        1
    );

    let path = format!("/2013-04-01{}", made.text("Id").unwrap());
    assert_eq!(get(&playground, &path).await.text("ResourceRecordSetCount"), Some("2"));
    let id = path.rsplit('/').next().unwrap();
    playground.world().put_record(id, Record::simple("b.example.com", "TXT", 60, ["\"x\""]));
    let delete = async || send(&playground, "DELETE", &path, "", b"").await.expect("an answer");
    assert_eq!(delete().await.text("Code"), Some("HostedZoneNotEmpty"));
    playground.world().foreign_delete(id, "b.example.com", "TXT", "").unwrap();
    assert_eq!(delete().await.status, 200);
    assert_eq!(get(&playground, &path).await.text("Code"), Some("NoSuchHostedZone"));
}

#[tokio::test]
async fn the_account_is_throttled_by_a_token_bucket() {
    let throttle = Some(Throttle { capacity: 3.0, refill_per_second: 0.0 });
    let playground = start(Options { throttle, ..Options::default() }).await;
    for _ in 0..3 {
        assert_eq!(get(&playground, "/2013-04-01/hostedzone").await.status, 200);
    }
    let refused = get(&playground, "/2013-04-01/hostedzone").await;
    assert_eq!((refused.status, refused.text("Code")), (400, Some("Throttling")));
    assert!(refused.body.contains("Rate exceeded"));
}

#[tokio::test]
async fn reasons_can_be_listed_one_by_one() {
    let options = Options { batch_error_form: BatchErrorForm::Listed, ..Options::default() };
    let playground = start(options).await;
    let zone = with_group(&playground);
    let stale = [weighted("DELETE", "legacy", "1", LEGACY), weighted("DELETE", "none", "1", LEGACY)].concat();
    let answer = change(&playground, &zone, &stale).await.expect("an answer");
    assert!(answer.body.contains("<messages><Message>Tried to delete"), "{}", answer.body);
}

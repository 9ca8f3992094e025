use proptest::prelude::*;

use super::{GroupKey, RecordName};

#[test]
fn names_have_one_spelling() {
    for (written, kept) in [
        ("WWW.Example.COM.", "www.example.com"),
        (r"\052.example.com.", "*.example.com"),
        ("*.example.com", "*.example.com"),
        (r"a\056b.example.com", r"a\056b.example.com"),
        ("_sip._tcp.example.com", "_sip._tcp.example.com"),
        (r"sp\040ace.example.com", r"sp\040ace.example.com"),
        ("sp ace.example.com", r"sp\040ace.example.com"),
    ] {
        assert_eq!(RecordName::new(written).as_str(), kept);
    }
}

#[test]
fn a_name_is_in_its_own_zone_and_in_those_above() {
    let name = RecordName::new("www.example.com");
    for (zone, inside) in
        [("www.example.com", true), ("example.com", true), ("ample.com", false), ("org", false)]
    {
        assert_eq!(name.is_in(&RecordName::new(zone)), inside, "{zone}");
    }
}

proptest! {
    #[test]
    fn a_spelling_is_its_own(text in ".{0,60}") {
        let once = RecordName::new(&text);
        prop_assert_eq!(RecordName::new(once.as_str()), once);
    }

    #[test]
    fn a_group_key_survives_its_text(name in "[a-z*._-]{1,30}") {
        let key = GroupKey::try_from(format!("Z123/{name}/AAAA")).unwrap();
        prop_assert_eq!(GroupKey::try_from(String::from(key.clone())), Ok(key));
    }
}

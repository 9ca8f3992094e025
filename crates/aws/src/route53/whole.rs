//! Whether an answer has come whole.
//!
//! The SDK's reader takes a document that breaks off, or in which tags do not match, for what it has read so far. What
//! is missing it makes up: a listing without `IsTruncated` is all there is, a record set without a type has some type.
//! The rest of a zone would be gone, a fence among it. So each answer is looked through once more.

use aws_sdk_route53::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef,
    },
    error::BoxError,
};
use quick_xml::{Reader, events::Event};

#[derive(Clone, Copy, Debug)]
pub(super) struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A refusal, or what the SDK itself could not read, has its own words.
        if context.output_or_error().is_err() {
            return Ok(());
        }
        let body = context.response().body().bytes().ok_or("the answer has not been read")?;
        checked(std::str::from_utf8(body)?)
    }
}

/// What an element says nothing without.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_Types_Amazon_Route_53.html>
const REQUIRED: [(&[u8], &[&[u8]]); 10] = [
    (b"ListResourceRecordSetsResponse", &[b"ResourceRecordSets", b"IsTruncated"]),
    (b"ResourceRecordSet", &[b"Name", b"Type"]),
    (b"ResourceRecord", &[b"Value"]),
    (b"AliasTarget", &[b"HostedZoneId", b"DNSName", b"EvaluateTargetHealth"]),
    (b"ChangeResourceRecordSetsResponse", &[b"ChangeInfo"]),
    (b"GetChangeResponse", &[b"ChangeInfo"]),
    (b"ChangeInfo", &[b"Id", b"Status"]),
    (b"GetHostedZoneResponse", &[b"HostedZone"]),
    (b"ListHostedZonesByNameResponse", &[b"HostedZones", b"IsTruncated"]),
    (b"HostedZone", &[b"Id", b"Name"]),
];

/// An element, and the names of those in it.
#[derive(Default)]
struct Element {
    name: Vec<u8>,
    has: Vec<Vec<u8>>,
}

/// Passes one element with everything in it closed, in which nothing is missing.
fn checked(body: &str) -> Result<(), BoxError> {
    let mut reader = Reader::from_str(body);
    let mut document = Element::default();
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event()?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_vec();
                open.last_mut().unwrap_or(&mut document).has.push(name.clone());
                let element = Element { name, has: Vec::new() };
                if let Event::Start(_) = event { open.push(element) } else { element.closed()? }
            }
            // The reader itself refuses one that closes another element, or none.
            Event::End(_) => open.pop().unwrap_or_default().closed()?,
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    if open.is_empty() && document.has.len() == 1 {
        return Ok(());
    }
    Err("the answer is not a whole document".into())
}

impl Element {
    fn closed(&self) -> Result<(), BoxError> {
        let required = REQUIRED.iter().find(|(name, _)| *name == self.name).map_or(&[][..], |(_, has)| has);
        match required.iter().find(|wanted| !self.has.iter().any(|name| name == *wanted)) {
            None => Ok(()),
            Some(missing) => {
                let [name, missing] = [&self.name, *missing].map(String::from_utf8_lossy);
                Err(format!("{missing} is missing in a {name} of the answer").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_document_passes() {
        let list = "<?xml version=\"1.0\"?><ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet>\
                    <Name>a&amp;b</Name><Type>A</Type><ResourceRecords/></ResourceRecordSet></ResourceRecordSets>\
                    <IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>";
        checked(list).unwrap();
        checked("<X><Y/></X>").unwrap();
        for end in 0..list.len() {
            assert!(checked(&list[..end]).is_err(), "{}", &list[..end]);
        }
        for odd in ["", "text", "<X></Y>", "<X></X></X>", "<X/><X/>", "<ChangeInfo/>"] {
            assert!(checked(odd).is_err(), "{odd}");
        }
        let unsaid = list.replace("<IsTruncated>false</IsTruncated>", "");
        let error = checked(&unsaid).unwrap_err().to_string();
        assert_eq!(error, "IsTruncated is missing in a ListResourceRecordSetsResponse of the answer");
    }
}

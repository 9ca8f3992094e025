//! Writing response documents.

use super::error::ApiError;
use super::xml::Writer;
use crate::BatchErrorForm;
use crate::clock::Clock;
use crate::record::Record;
use crate::world::ChangeState;
use crate::zone::{NAME_SERVERS, Zone};

pub(crate) fn error(error: &ApiError, form: BatchErrorForm, request_id: &str) -> String {
    let listed = form == BatchErrorForm::Listed && !error.messages.is_empty();
    let list = |out: &mut Writer| {
        if listed {
            out.nested("messages", |out| {
                error.messages.iter().for_each(|message| out.leaf("Message", message))
            });
        }
    };
    Writer::document("ErrorResponse", |out| {
        out.nested("Error", |out| {
            out.leaf("Type", if error.status.is_server_error() { "Receiver" } else { "Sender" });
            out.leaf("Code", error.code);
            out.leaf("Message", &error.message);
            list(out);
        });
        list(out);
        out.leaf("RequestId", request_id);
    })
}

pub(crate) fn change_info(out: &mut Writer, change: &ChangeState) {
    out.nested("ChangeInfo", |out| {
        out.leaf("Id", format_args!("/change/{}", change.id));
        out.leaf("Status", if change.in_sync { "INSYNC" } else { "PENDING" });
        out.leaf("SubmittedAt", Clock::rfc3339(change.submitted_at));
        out.leaf_if("Comment", change.comment.as_ref());
    });
}

pub(crate) fn zone(out: &mut Writer, zone: &Zone) {
    out.nested("HostedZone", |out| {
        out.leaf("Id", format_args!("/hostedzone/{}", zone.id));
        out.leaf("Name", &zone.name);
        out.leaf("CallerReference", &zone.caller_reference);
        out.nested("Config", |out| {
            out.leaf_if("Comment", zone.comment.as_ref());
            out.leaf("PrivateZone", zone.private);
        });
        out.leaf("ResourceRecordSetCount", zone.records.len());
    });
}

pub(crate) fn delegation_set(out: &mut Writer) {
    out.nested("DelegationSet", |out| {
        out.nested("NameServers", |out| {
            for server in NAME_SERVERS {
                out.leaf("NameServer", server.trim_end_matches('.'));
            }
        });
    });
}

pub(crate) fn record(out: &mut Writer, record: &Record) {
    out.nested("ResourceRecordSet", |out| {
        out.leaf("Name", &record.name);
        out.leaf("Type", &record.record_type);
        out.leaf_if("SetIdentifier", record.set_identifier.as_ref());
        out.leaf_if("Weight", record.weight);
        out.leaf_if("Region", record.region.as_ref());
        if let Some(geo) = &record.geo_location {
            out.nested("GeoLocation", |out| {
                out.leaf_if("ContinentCode", geo.continent_code.as_ref());
                out.leaf_if("CountryCode", geo.country_code.as_ref());
                out.leaf_if("SubdivisionCode", geo.subdivision_code.as_ref());
            });
        }
        out.leaf_if("Failover", record.failover.as_ref());
        out.leaf_if("MultiValueAnswer", record.multi_value_answer);
        out.leaf_if("TTL", record.ttl);
        if !record.values.is_empty() {
            out.nested("ResourceRecords", |out| {
                for value in &record.values {
                    out.nested("ResourceRecord", |out| out.leaf("Value", value));
                }
            });
        }
        if let Some(alias) = &record.alias {
            out.nested("AliasTarget", |out| {
                out.leaf("HostedZoneId", &alias.zone_id);
                out.leaf("DNSName", &alias.name);
                out.leaf("EvaluateTargetHealth", alias.evaluate_target_health);
            });
        }
        out.leaf_if("HealthCheckId", record.health_check_id.as_ref());
    });
}

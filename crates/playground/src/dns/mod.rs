//! The authoritative DNS server: answers from what is INSYNC, one draw by weight per query, over UDP and TCP.

mod authority;
mod server;

pub(crate) use authority::Authority;
pub(crate) use server::DnsServer;

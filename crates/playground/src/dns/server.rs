//! Answers on the wire.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{Name, Record as WireRecord};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use super::authority::{Answer, AnswerRecord, Authority, Verdict};
use crate::route53::{names, values};
use crate::world::World;

/// Idle TCP connections are closed after this.
const TCP_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers that may wait on one TCP connection.
const TCP_BUFFER: usize = 64;
/// UDP and TCP need the same free port; the first one found for UDP may be taken for TCP.
const PORT_ATTEMPTS: usize = 20;

pub(crate) struct DnsServer {
    server: Server<Handler>,
    address: SocketAddr,
}

struct Handler {
    world: World,
}

impl DnsServer {
    pub(crate) async fn start(world: World, listen: IpAddr, port: u16) -> io::Result<Self> {
        let (udp, tcp) = bind(listen, port).await?;
        let address = udp.local_addr()?;
        let mut server = Server::new(Handler { world });
        server.register_socket(udp);
        server.register_listener(tcp, TCP_TIMEOUT, TCP_BUFFER);
        Ok(Self { server, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn shutdown(&mut self) {
        if let Err(error) = self.server.shutdown_gracefully().await {
            tracing::debug!(%error, "the DNS server did not stop cleanly");
        }
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut responses: R,
    ) -> ResponseInfo {
        let (code, answer) = self.answer(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = code;
        metadata.authoritative = code != ResponseCode::Refused && code != ResponseCode::NotImp;
        metadata.recursion_available = false;
        let answers: Vec<WireRecord> = answer.records.iter().filter_map(wire).collect();
        let authorities: Vec<WireRecord> = answer.authority.iter().filter_map(wire).collect();
        let nothing: Vec<WireRecord> = Vec::new();
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &request.edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, &answers, &nothing, &authorities, &nothing);
        match responses.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "a DNS answer could not be sent");
                failed(metadata)
            }
        }
    }
}

impl Handler {
    fn answer(&self, request: &Request) -> (ResponseCode, Answer) {
        let nothing = Answer { verdict: Verdict::Refused, records: Vec::new(), authority: None };
        let query = match request.request_info() {
            Ok(info) if info.metadata.op_code == OpCode::Query => info.query,
            Ok(_) => return (ResponseCode::NotImp, nothing),
            Err(_) => return (ResponseCode::FormErr, nothing),
        };
        let Ok(name) = names::canonical(&presentation(query.original().name())) else {
            return (ResponseCode::Refused, nothing);
        };
        let answer = Authority::of(&mut self.world.lock()).resolve(&name, &query.query_type().to_string());
        let code = match answer.verdict {
            Verdict::Found => ResponseCode::NoError,
            Verdict::NameUnknown => ResponseCode::NXDomain,
            Verdict::Refused => ResponseCode::Refused,
        };
        (code, answer)
    }
}

async fn bind(listen: IpAddr, port: u16) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempts = 1;
    loop {
        let udp = UdpSocket::bind((listen, port)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if port != 0 || attempts >= PORT_ATTEMPTS => return Err(error),
            Err(_) => attempts += 1,
        }
    }
}

fn wire(record: &AnswerRecord) -> Option<WireRecord> {
    let data = values::rdata(&record.record_type, &record.value)?;
    Some(WireRecord::from_rdata(wire_name(&record.name)?, record.ttl, data))
}

/// Route 53 escapes in octal, DNS libraries in decimal: the labels' bytes are what both mean.
fn wire_name(canonical: &str) -> Option<Name> {
    let mut name = Name::from_labels(names::labels(canonical).ok()?).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn presentation(name: &Name) -> String {
    name.iter().map(names::escaped_label).collect()
}

fn failed(mut metadata: Metadata) -> ResponseInfo {
    metadata.message_type = MessageType::Response;
    metadata.response_code = ResponseCode::ServFail;
    hickory_proto::op::Header { metadata, counts: Default::default() }.into()
}

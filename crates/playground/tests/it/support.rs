//! Clients small enough to see every byte, and a world to point them at.

use std::net::SocketAddr;
use std::time::Duration;

use crossfade_playground::{Options, Playground, Record};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

pub(crate) const NAME: &str = "www.example.com";
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// A playground without throttling, where changes stay PENDING until the test says otherwise.
pub(crate) async fn held() -> Playground {
    start(Options { insync_delay: Duration::MAX, throttle: None, ..Options::default() }).await
}

/// A playground without throttling, where changes are INSYNC at once.
pub(crate) async fn immediate() -> Playground {
    start(Options { insync_delay: Duration::ZERO, throttle: None, ..Options::default() }).await
}

pub(crate) async fn start(options: Options) -> Playground {
    Playground::start(options).await.expect("loopback ports are free")
}

/// example.com with a weighted group of 90 to 10.
pub(crate) fn with_group(playground: &Playground) -> String {
    let world = playground.world();
    let zone = world.create_zone("example.com");
    for (id, weight, address) in [("legacy", 90, "192.0.2.10"), ("cloud", 10, "198.51.100.10")] {
        world.put_record(&zone, Record::weighted(NAME, "A", 30, id, weight, [address]));
    }
    zone
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The text of the first element of this name.
    pub(crate) fn text(&self, element: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{element}>"))?;
        rest.split_once("</").map(|(text, _)| text)
    }

    pub(crate) fn count(&self, element: &str) -> usize {
        self.body.matches(&format!("<{element}>")).count()
    }
}

/// One HTTP exchange; `None` when the connection ended without an answer.
pub(crate) async fn send(
    playground: &Playground,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<Answer> {
    let address = playground.aws_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: playground\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut received = Vec::new();
    // A dropped connection may show as an error or as an early end.
    let _ = stream.read_to_end(&mut received).await;
    let received = String::from_utf8_lossy(&received).into_owned();
    let (head, body) = received.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

pub(crate) async fn get(playground: &Playground, path: &str) -> Answer {
    send(playground, "GET", path, "", b"").await.expect("an answer")
}

/// Sends a change batch, its changes given in XML.
pub(crate) async fn change(playground: &Playground, zone: &str, changes: &str) -> Option<Answer> {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Comment>step 1</Comment><Changes>\
         {changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    send(playground, "POST", &format!("/2013-04-01/hostedzone/{zone}/rrset/"), "", body.as_bytes()).await
}

pub(crate) fn weighted(action: &str, id: &str, weight: &str, address: &str) -> String {
    change_xml(
        action,
        NAME,
        "A",
        &format!(
            "<SetIdentifier>{id}</SetIdentifier><Weight>{weight}</Weight><TTL>30</TTL><ResourceRecords>\
             <ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>"
        ),
    )
}

pub(crate) fn change_xml(action: &str, name: &str, record_type: &str, rest: &str) -> String {
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{record_type}</Type>{rest}\
         </ResourceRecordSet></Change>"
    )
}

/// 90 to 10 becomes 75 to 25, guarded by the old weights.
pub(crate) fn swap() -> String {
    [
        weighted("DELETE", "legacy", "90", "192.0.2.10"),
        weighted("DELETE", "cloud", "10", "198.51.100.10"),
        weighted("CREATE", "legacy", "75", "192.0.2.10"),
        weighted("CREATE", "cloud", "25", "198.51.100.10"),
    ]
    .concat()
}

pub(crate) async fn ask_udp(server: SocketAddr, name: &str, record_type: RecordType) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&question(name, record_type)).await.unwrap();
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await.unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

pub(crate) async fn ask_tcp(server: SocketAddr, name: &str, record_type: RecordType) -> Message {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let question = question(name, record_type);
    stream.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut buffer).await.unwrap();
    Message::from_vec(&buffer).unwrap()
}

/// The data of the answer section in presentation form.
pub(crate) fn answers(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

fn question(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, record_type));
    message.to_vec().unwrap()
}

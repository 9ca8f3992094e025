//! Answers that no Prometheus should give, and some that it does.

use std::net::SocketAddr;

use axum::{Router, http::StatusCode, routing::post};
use crossfade_prometheus::{Config, Server};
use jiff::{SignedDuration, Timestamp};

async fn answering(status: u16, body: &'static str) -> Result<Vec<f64>, String> {
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
    let router = Router::new().route("/prefix/api/v1/query_range", post(answer));
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    let served = tokio::spawn(async move { axum::serve(listener, router).await });
    let server = Server::new(&Config { url, ..Config::default() }).unwrap();
    let (from, to) = (Timestamp::from_second(0).unwrap(), Timestamp::from_second(300).unwrap());
    let points = server.range("a", SignedDuration::from_mins(1), from, to).await;
    served.abort();
    points.map(|points| points.into_iter().map(|point| point.value).collect())
}

#[tokio::test]
async fn whatever_is_answered_is_a_number_or_a_reason() {
    let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[60,"1"],[120,"NaN"],[180,"+Inf"],[240.0,"2.5"]]}]}}"#;
    assert_eq!(answering(200, matrix).await, Ok(vec![1.0, 2.5]));
    let none = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    assert_eq!(answering(200, none).await, Ok(vec![]));
    for (status, body, wanted) in [
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"1"]]},{"values":[]}]}}"#,
            "2 series",
        ),
        (200, r#"{"status":"success","data":{"resultType":"scalar","result":[0,"1"]}}"#, "no matrix"),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["a store is away"]}"#,
            "a store is away",
        ),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"one"]]}]}}"#,
            "is not a number",
        ),
        (
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1e300,"1"]]}]}}"#,
            "is not a time",
        ),
        (422, r#"{"status":"error","errorType":"execution","error":"too many samples"}"#, "too many samples"),
        (200, "<html>", "HTTP 200, and no answer"),
        (502, "", "HTTP 502, and no answer"),
        (401, "{}", "HTTP 401, and no answer"),
    ] {
        let why = answering(status, body).await.unwrap_err();
        assert!(why.contains(wanted), "{body}: {why}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_away_without_its_address() {
    let server =
        Server::new(&Config { url: "http://ada:secret@127.0.0.1:9".to_owned(), ..Config::default() })
            .unwrap();
    let to = Timestamp::from_second(300).unwrap();
    let why = server.range("a", SignedDuration::from_mins(1), Timestamp::UNIX_EPOCH, to).await.unwrap_err();
    assert_eq!(why, "Prometheus: it cannot be reached");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["", "prometheus", "ftp://x", "mailto:a@b"] {
        assert!(Server::new(&Config { url: url.to_owned(), ..Config::default() }).is_err(), "{url}");
    }
    let config = Config { url: "https://x".to_owned(), headers: [("a b".to_owned(), "c".to_owned())].into() };
    assert!(Server::new(&config).unwrap_err().to_string().contains("\"a b\""));
    assert!(!format!("{config:?}").contains("\"c\""));
}

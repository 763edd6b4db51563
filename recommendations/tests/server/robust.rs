//! What no client should send.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use protobufs::catalogue::SearchBooksRequest;
use tonic::{Code, body::Body, codec::CompressionEncoding, transport::Channel};
use tower::{Service as _, ServiceExt as _};

use crate::{Server, request};

/// Sends a body as it is; returns the status code and the body of the answer.
async fn send(channel: &mut Channel, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (Code, Bytes) {
    let mut request = http::Request::post(format!("http://shelfwise{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::new(Full::new(Bytes::from(body)))).unwrap();
    let answer = channel.ready().await.unwrap().call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap();
    let status =
        body.trailers().and_then(|trailers| trailers.get("grpc-status")).or(head.headers.get("grpc-status"));
    let code = Code::from_bytes(status.unwrap().as_bytes());
    (code, body.to_bytes())
}

/// A message with its five bytes of gRPC framing.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    framed
}

async fn still_serves(server: &Server) {
    let answer = server.recommendations().await.recommend(request(0, 3)).await.unwrap().into_inner();
    assert_eq!(answer.recommendations.len(), 3);
}

#[tokio::test]
async fn garbage_is_an_error_and_the_server_stays_up() {
    let server = Server::start().await;
    let mut channel = server.channel().await;
    let path = "/Recommendations/Recommend";
    for body in [
        framed(&[0xff; 64]),
        framed(b"\x08"),
        framed(b"\x12\x03abc"),
        vec![7; 100],
        vec![0, 0, 0, 0, 9, 1, 2],
        vec![0],
        vec![],
    ] {
        let (code, answer) = send(&mut channel, path, &[], body.clone()).await;
        assert!(matches!(code, Code::Internal | Code::InvalidArgument), "{code:?}: {body:?}");
        assert!(answer.is_empty(), "{answer:?}: {body:?}");
        still_serves(&server).await;
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_unread() {
    let server = Server::start().await;
    let mut client = server.catalogue().await;
    // By default 64 KiB. What fits is at least looked at.
    for (length, codes) in [
        (65_000, [Code::InvalidArgument; 2]),
        (70_000, [Code::ResourceExhausted, Code::OutOfRange]),
        (100_000_000, [Code::ResourceExhausted, Code::OutOfRange]),
    ] {
        let request = SearchBooksRequest { query: "x".repeat(length), ..SearchBooksRequest::default() };
        let status = client.search_books(request).await.unwrap_err();
        assert!(codes.contains(&status.code()), "{length}: {status:?}");
    }
    // A small one that says it is large.
    let mut channel = server.channel().await;
    let (code, _) =
        send(&mut channel, "/Recommendations/Recommend", &[], vec![0, 0xff, 0xff, 0xff, 0xff, 1]).await;
    assert!(matches!(code, Code::ResourceExhausted | Code::OutOfRange), "{code:?}");
    // The services that say what there is and how it is take no more, either. Reflection just ends then.
    let text = |tag: u8, length: usize| {
        let length_bytes = [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
        framed(&[&[tag][..], &length_bytes, &vec![b'x'; length]].concat())
    };
    for (length, fits) in [(65_000, true), (70_000, false)] {
        let (code, _) = send(&mut channel, "/grpc.health.v1.Health/Check", &[], text(0x0a, length)).await;
        assert_eq!(code == Code::NotFound, fits, "{length}: {code:?}");
        assert!(fits || matches!(code, Code::ResourceExhausted | Code::OutOfRange), "{length}: {code:?}");
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let (_, answer) = send(&mut channel, path, &[], text(0x3a, length)).await;
        assert_eq!(!answer.is_empty(), fits, "{length}");
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn unknown_methods_are_unimplemented() {
    let server = Server::start().await;
    let mut channel = server.channel().await;
    for path in [
        "/Recommendations/Recommended",
        "/recommendations/Recommend",
        "/shelfwise.catalogue.v1.CatalogueService/Burn",
        "/",
        "/favicon.ico",
    ] {
        assert_eq!(send(&mut channel, path, &[], framed(b"")).await.0, Code::Unimplemented, "{path}");
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn only_long_answers_are_compressed() {
    let server = Server::start().await;
    let mut channel = server.channel().await;
    let path = "/Recommendations/Recommend";
    let gzip = [("grpc-accept-encoding", "gzip")];
    let (code, short) = send(&mut channel, path, &gzip, framed(b"\x18\x01")).await;
    assert_eq!((code, short[0]), (Code::Ok, 0));
    let (code, long) = send(&mut channel, path, &gzip, framed(b"\x18\xe8\x07")).await;
    assert_eq!((code, long[0]), (Code::Ok, 1));
    let (_, plain) = send(&mut channel, path, &[], framed(b"\x18\xe8\x07")).await;
    assert_eq!(plain[0], 0);
    assert!(long.len() < plain.len(), "{} of {}", long.len(), plain.len());
    // And both ways with a client that does it all.
    let mut client = server
        .recommendations()
        .await
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    assert!(client.recommend(request(0, 1_000)).await.unwrap().into_inner().recommendations.len() >= 30);
}

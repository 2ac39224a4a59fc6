use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};

use super::*;

const SINGLE: &str = "/depeche.v1.TranslationService/StreamTranslate";
const STREAM: &str = "/depeche.v1.TranslationService/TranslateBatch";
const TIME: Duration = Duration::from_secs(30);

fn patience(most: usize) -> Patience {
    Patience::of_contract(TIME, most).unwrap()
}

/// A body of these parts, then nothing more and no end.
fn body(parts: &[&[u8]]) -> Body {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(part))))
        .collect();
    Body::new(StreamBody::new(
        stream::iter(parts).chain(stream::pending()),
    ))
}

fn message(length: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, length];
    bytes.resize(5 + length as usize, 7);
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_arrive_is_given_up() {
    let patience = patience(1 << 20);
    for (path, parts) in [
        (SINGLE, &[][..]),
        (SINGLE, &[&message(9)[..4]]),
        (STREAM, &[&message(9)[..4]]),
        (STREAM, &[&[message(9), message(9)[..4].to_vec()].concat()]),
    ] {
        let arriving = patience.arriving(path, body(parts));
        let error = arriving.collect().await.unwrap_err();
        assert_eq!(
            error.code(),
            tonic::Code::DeadlineExceeded,
            "{path} {parts:?}"
        );
        assert_eq!(patience.arriving.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_of_requests_may_pause_between_messages() {
    let patience = patience(1 << 20);
    for parts in [&[][..], &[&message(9)[..]]] {
        let mut arriving = patience.arriving(STREAM, body(parts));
        for _ in parts {
            arriving.frame().await.unwrap().unwrap();
        }
        let more = tokio::time::timeout(TIME * 10, arriving.frame()).await;
        assert!(more.is_err(), "{parts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_may_be_arriving_than_there_is_room_for() {
    let patience = patience(100);
    let mut first = patience.arriving(STREAM, body(&[&message(99)[..80], &message(99)[80..]]));
    first.frame().await.unwrap().unwrap();
    let mut second = patience.arriving(SINGLE, body(&[&message(60)[..40]]));
    let refused = second.frame().await.unwrap().unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    drop(second);
    // What has arrived is not arriving any more.
    first.frame().await.unwrap().unwrap();
    let mut third = patience.arriving(SINGLE, body(&[&message(90)[..80]]));
    assert!(third.frame().await.unwrap().is_ok());
    drop((first, third));
    let mut alone = patience.arriving(SINGLE, body(&[&message(200)[..150]]));
    assert!(alone.frame().await.unwrap().is_ok());
    drop(alone);
    assert_eq!(patience.arriving.load(Ordering::Relaxed), 0);
}

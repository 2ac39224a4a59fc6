//! Connections that end. One that does not begin with the preface of HTTP/2 in time is cut, for the
//! transport waits for it without limit. And the transport tells a client of an old one to make another (GOAWAY) and lets its
//! calls finish; here it is cut when even then it does not end. The transport's own way to do the second
//! leaves out the first (tonic 0.14.9: `max_connection_age_grace`).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};
use tonic::transport::server::Connected;

use crate::server::{accept::Refusal, places::Place};

/// Length of what a client's side of a connection begins with (RFC 9113, 3.4). Unit: bytes.
const PREFACE: usize = 24;

/// What the runtime's timers take for an end that never comes.
const FAR: Duration = Duration::from_secs(30 * 365 * 86400);

/// How long a connection has.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the preface is there.
    pub preface: Duration,
    /// In all.
    pub life: Duration,
}

/// A connection that reads as broken once its time is over.
pub struct Aging<Connection> {
    connection: Connection,
    _place: Place,
    over: Pin<Box<Sleep>>,
    ends: Instant,
    /// Bytes of the preface that are not there yet.
    missing: usize,
}

impl<Connection> Aging<Connection> {
    pub fn new(connection: Connection, place: Place, times: Times) -> Self {
        let now = Instant::now();
        // Without an end in sight, as far as the timer goes.
        let after = |time| now.checked_add(time).unwrap_or(now + FAR);
        Aging {
            connection,
            _place: place,
            over: Box::pin(sleep_until(after(times.preface.min(times.life)))),
            ends: after(times.life),
            missing: PREFACE,
        }
    }

    fn arrived(&mut self, bytes: usize) {
        if self.missing > 0 {
            self.missing = self.missing.saturating_sub(bytes);
            if self.missing == 0 {
                self.over.as_mut().reset(self.ends);
            }
        }
    }
}

impl<Connection: Connected> Connected for Aging<Connection> {
    type ConnectInfo = Connection::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

impl<Connection: AsyncRead + Unpin> AsyncRead for Aging<Connection> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.over.as_mut().poll(cx).is_ready() {
            if self.missing > 0 {
                Refusal::PrefaceTimeout.count();
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(cx, buffer))?;
        self.arrived(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<Connection: AsyncWrite + Unpin> AsyncWrite for Aging<Connection> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::server::places::Places;

    const TIMES: Times = Times {
        preface: Duration::from_secs(10),
        life: Duration::from_secs(60),
    };

    fn aging() -> (tokio::io::DuplexStream, Aging<tokio::io::DuplexStream>) {
        let (client, server) = tokio::io::duplex(64);
        let place = Places::new(1).take().unwrap();
        (client, Aging::new(server, place, TIMES))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_cut_when_its_time_is_over_and_not_before() {
        let (mut client, mut server) = aging();
        let began = Instant::now();
        client.write_all(&[b'x'; PREFACE]).await.unwrap();
        let mut read = [0; PREFACE];
        server.read_exact(&mut read).await.unwrap();
        let error = server.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= TIMES.life);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_its_preface_is_cut_earlier() {
        let (mut client, mut server) = aging();
        let began = Instant::now();
        client.write_all(&[b'x'; PREFACE - 1]).await.unwrap();
        let mut read = [0; PREFACE];
        let error = server.read_exact(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((TIMES.preface..TIMES.life).contains(&began.elapsed()));
    }
}

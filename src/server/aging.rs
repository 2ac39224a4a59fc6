//! Connections that end: the transport tells a client of an old one to make another (GOAWAY) and lets its
//! calls finish; here it is cut when even then it does not end. The transport's own way to do the second
//! leaves out the first (tonic 0.14.9: `max_connection_age_grace`).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

/// A connection that reads as broken once its time is over.
pub struct Aging<Connection> {
    connection: Connection,
    over: Pin<Box<Sleep>>,
}

impl<Connection> Aging<Connection> {
    pub fn new(connection: Connection, time: Duration) -> Self {
        Aging {
            connection,
            over: Box::pin(sleep(time)),
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
        match self.over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Pin::new(&mut self.connection).poll_read(cx, buffer),
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_cut_when_its_time_is_over_and_not_before() {
        let (mut client, server) = tokio::io::duplex(64);
        let time = Duration::from_secs(60);
        let mut server = Aging::new(server, time);
        client.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
        let began = tokio::time::Instant::now();
        let error = server.read(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= time);
    }
}

//! [`Answering`]: a stream to a client that has a time for reading each answer.
//!
//! A client that takes a few bytes now and then would hold its connection without end: it never takes nothing for long.

use axum::http::Response;
use axum::http::header::CONTENT_TYPE;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// By when the answer that is being sent has to be read; none: a stream of events goes on.
#[derive(Debug, Default, Clone)]
pub struct Due(Arc<Mutex<Option<Instant>>>);

impl Due {
    /// An answer begins, which may take so long.
    pub fn begin<B>(&self, answer: &Response<B>, time: Duration) {
        let kind = answer.headers().get(CONTENT_TYPE);
        let goes_on = kind.is_some_and(|kind| kind == "text/event-stream");
        // A time that no clock reaches is none.
        let due = Instant::now().checked_add(time);
        *self.0.lock() = due.filter(|_| !goes_on);
    }
}

/// A stream to a client. Once an answer is due, what the client does not take at once fails.
#[derive(Debug)]
pub struct Answering<S> {
    stream: S,
    due: Due,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Answering<S> {
    /// Over `stream`, to whose client answers go that begin at `due`.
    pub const fn new(stream: S, due: Due) -> Self {
        Self {
            stream,
            due,
            alarm: None,
        }
    }

    /// The client takes nothing now: whether its time is over.
    fn is_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(due) = *self.due.0.lock() else {
            return Poll::Pending;
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Answering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Answering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.is_over(context).map(Err),
            written @ Poll::Ready(_) => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answering, Due};
    use axum::http::Response;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::runtime::Builder;
    use tokio::time::{Instant, sleep, timeout};

    /// How long a client is sent something of which it takes a byte in 30 ms; none, if that goes on.
    fn sent(kind: &str, time: Duration) -> Option<Duration> {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (stream, mut client) = duplex(10);
            let (due, began) = (Due::default(), Instant::now());
            let answer = Response::builder().header("content-type", kind);
            due.begin(&answer.body(()).unwrap(), time);
            let takes = async {
                loop {
                    _ = client.read_u8().await;
                    sleep(Duration::from_millis(30)).await;
                }
            };
            let sends = async {
                let mut stream = Answering::new(stream, due);
                stream.write_all(&[0; 100_000]).await.unwrap_err().kind()
            };
            let ended = async {
                tokio::select! {
                    kind = sends => kind,
                    () = takes => unreachable!(),
                }
            };
            let ended = timeout(Duration::from_millis(600), ended).await.ok()?;
            assert_eq!(ended, std::io::ErrorKind::TimedOut);
            Some(began.elapsed())
        })
    }

    #[test]
    fn an_answer_that_is_taken_byte_by_byte_ends_when_its_time_is_over_and_events_go_on() {
        let time = Duration::from_millis(200);
        assert!(sent("application/json", time).unwrap() >= time);
        assert_eq!(sent("text/event-stream", time), None);
        assert_eq!(sent("application/json", Duration::MAX), None);
    }
}

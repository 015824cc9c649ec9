//! [`Door`]: a listener whose connections are limited in number, in the time and the size of their headers, in the time for
//! which they take nothing of an answer, and in the time that they take to read it.

use crate::answering::{Answering, Due};
use crate::telemetry::{self, Connected};
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

/// Files that are kept for everything but connections.
const RESERVED: u64 = 32;
/// The most connections of the shop's listener.
const SHOP: usize = 256;
/// Bytes of a request's path and headers, and of an answer that are buffered beyond what is being sent.
const BUFFER: usize = 32 * 1024;
/// How long nothing is accepted after the system could not open a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener, and how it treats its connections.
#[derive(Debug)]
pub struct Door {
    /// Its name in metrics and logs.
    pub name: &'static str,
    /// Where connections come in.
    pub listener: TcpListener,
    /// How many are open at most. The others wait in the system's queue.
    pub connections: usize,
    /// How long the headers of a request may take, how long a connection may be idle, and how long it may take nothing of an
    /// answer.
    pub header_time: Duration,
    /// How long a client may take to read an answer.
    pub answer_time: Duration,
}

impl Door {
    /// Serves `router` until `stop` says so, then until the requests under way are answered.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.connections));
        let graceful = GracefulShutdown::new();
        loop {
            let next = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, self.listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connected = Connected::to(self.name);
                    let serving = self.connection(stream, router.clone(), &graceful);
                    tokio::spawn(async move {
                        if serving.await.is_err() {
                            connected.failed();
                        }
                        drop((connected, slot));
                    });
                }
                Err(error) => {
                    telemetry::accept_failed(self.name);
                    tracing::warn!(listener = self.name, "cannot open a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        graceful.shutdown().await;
    }

    fn connection(
        &self,
        stream: TcpStream,
        router: Router,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = hyper::Result<()>> + use<> {
        // An answer is small, and should not wait for the next one.
        _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.header_time));
        let (due, time) = (Due::default(), self.answer_time);
        let stream = Answering::new(Box::pin(stream), due.clone());
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |request| {
            let (answer, due) = (router.call(request), due.clone());
            async move { answer.await.inspect(|answer| due.begin(answer, time)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_time)
            .max_buf_size(BUFFER)
            // Head and body of an answer are one write of few bytes, cheaper to copy than to name.
            .writev(false)
            .serve_connection(TokioIo::new(stream), service);
        graceful.watch(connection)
    }
}

/// How many connections customers and the shop may have, of the files that the process may open.
#[must_use]
pub fn shares(wanted: usize, files: u64) -> (usize, usize) {
    let files = usize::try_from(files.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    let shop = SHOP.min(files / 4).max(1);
    let customers = wanted.min(files.saturating_sub(shop)).max(1);
    (customers, shop)
}

/// How many files the process may open, once it has asked for as many as it can have.
#[cfg(unix)]
#[must_use]
pub fn files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If that is refused, it stays as it is.
    _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many files the process may open: other systems do not say.
#[cfg(not(unix))]
#[must_use]
pub fn files() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn some_files_are_kept_for_the_shop_and_for_the_ledger() {
        assert_eq!(shares(10_000, 1_048_576), (10_000, 256));
        assert_eq!(shares(10_000, 1_024), (744, 248));
        assert_eq!(shares(10, 1_024), (10, 248));
        assert_eq!(shares(10_000, 64), (24, 8));
        assert_eq!(shares(10_000, 0), (1, 1));
    }
}

//! [`Proxy`]: stands between clients and a server, and makes faults.

use super::Faults;
use super::faults::Fault;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Where a proxy's server is.
///
/// There will be no other: match them all.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// A Unix socket.
    Unix(PathBuf),
    /// An address.
    Tcp(SocketAddr),
}

/// A proxy on the loopback address: each piece that a client sends meets a fault, or goes through.
///
/// It forwards no piece twice: a request that is repeated is a client's own. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    faults: Faults,
    seed: u64,
    healed: AtomicBool,
    made: AtomicU64,
    connections: AtomicU64,
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Proxy {
    /// Begins to listen; its tasks are of the runtime that this is called in. The faults follow from `seed`.
    ///
    /// # Errors
    ///
    /// If no address is free.
    pub async fn start(upstream: Upstream, faults: Faults, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            faults,
            seed,
            healed: AtomicBool::new(false),
            made: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let accepts = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepts).serve(client));
            }
        });
        Ok(Self {
            address,
            shared,
            task: task.abort_handle(),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes no faults any more.
    pub fn heal(&self) {
        self.shared.healed.store(true, Ordering::Relaxed);
    }

    /// Faults that it made, delays not counted.
    #[must_use]
    pub fn faults_made(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// Serves a connection to its end. Errors end it; that is what clients must bear.
    async fn serve(self: Arc<Self>, client: TcpStream) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let chance = SmallRng::seed_from_u64(self.seed ^ number.rotate_left(32));
        _ = client.set_nodelay(true);
        let Ok((from_server, to_server)) = self.connect().await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let muted = Arc::new(AtomicBool::new(false));
        let relay = relay(from_server, to_client, Arc::clone(&muted));
        let replies = Replies {
            muted,
            task: tokio::spawn(relay).abort_handle(),
        };
        self.requests(from_client, to_server, &replies, chance)
            .await;
        replies.task.abort();
    }

    async fn connect(&self) -> io::Result<(Reader, Writer)> {
        match &self.upstream {
            Upstream::Unix(path) => {
                let (read, write) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(read), Box::new(write)))
            }
            Upstream::Tcp(address) => {
                let (read, write) = TcpStream::connect(address).await?.into_split();
                Ok((Box::new(read), Box::new(write)))
            }
        }
    }

    /// Forwards what the client sends, piece by piece, until the connection ends or a fault ends it.
    async fn requests(
        &self,
        mut from_client: impl AsyncRead + Unpin,
        mut to_server: Writer,
        replies: &Replies,
        mut chance: SmallRng,
    ) {
        let mut piece = vec![0; 64 * 1024];
        loop {
            let Ok(length @ 1..) = from_client.read(&mut piece).await else {
                return;
            };
            let piece = &piece[..length];
            let healed = self.healed.load(Ordering::Relaxed);
            let fault = self.faults.draw(&mut chance).filter(|_| !healed);
            if !matches!(fault, None | Some(Fault::Delayed(_))) {
                self.made.fetch_add(1, Ordering::Relaxed);
            }
            match fault {
                None => {}
                Some(Fault::Delayed(delay)) => sleep(delay).await,
                Some(Fault::CutBefore) => return,
                Some(Fault::CutAfter) => {
                    replies.task.abort();
                    _ = to_server.write_all(piece).await;
                    return;
                }
                Some(Fault::Silent) => {
                    replies.muted.store(true, Ordering::Relaxed);
                    _ = to_server.write_all(piece).await;
                    return hold_open(from_client).await;
                }
                Some(Fault::HalfOpen) => return hold_open(from_client).await,
                Some(Fault::Late(delay)) => {
                    replies.task.abort();
                    drop(from_client);
                    sleep(delay).await;
                    _ = to_server.write_all(piece).await;
                    return;
                }
            }
            if to_server.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}

/// The task that brings replies to a client.
struct Replies {
    /// It drops what comes, and keeps the connection open.
    muted: Arc<AtomicBool>,
    task: AbortHandle,
}

async fn relay(mut from: Reader, mut to: impl AsyncWrite + Unpin, muted: Arc<AtomicBool>) {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece).await {
            Ok(1..) if muted.load(Ordering::Relaxed) => {}
            Ok(length @ 1..) if to.write_all(&piece[..length]).await.is_ok() => {}
            // The server's end is not shown to a client that is to hear nothing.
            _ if muted.load(Ordering::Relaxed) => return pending().await,
            _ => return,
        }
    }
}

/// Reads what the client sends into nothing, until the client ends the connection.
async fn hold_open(mut from_client: impl AsyncRead + Unpin) {
    _ = copy(&mut from_client, &mut sink()).await;
}

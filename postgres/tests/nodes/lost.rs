//! The database takes the number of a batch away, and the answer to that is lost.

use super::crowd::{Mistake, put_in};
use super::many::{cancel_all, orders, skus, slow};
use super::support::{Tests, connect, fresh};
use segstock_postgres::nodes::Sale;
use segstock_remote::servers::{PostgresServer, Server, Upstream};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

pub fn add(tests: &Tests) {
    tests.add_behind_proxy(
        "lost::a_batch_whose_number_is_taken_is_divided",
        |site, upstream| {
            let found = site
                .runtime
                .block_on(divided(site.server.url(), &upstream, None));
            assert_eq!(found, ["cancelled", "it balances"].map(String::from).into());
        },
    );
    tests.add_behind_proxy(
        "lost::a_batch_that_is_read_after_that_is_found",
        |site, upstream| {
            const READ: Mistake = (
                "read_1",
                &[("if taken_away = number then", "if false then")],
            );
            let found = site
                .runtime
                .block_on(divided(site.server.url(), &upstream, Some(READ)));
            assert!(
                found.contains("the order is held"),
                "of a call that nothing became of: {found:?}"
            );
        },
    );
}

/// Calls that cancel orders, which the database cannot write at once in time. What they are answered, and what the audit says.
async fn divided(url: &str, upstream: &Upstream, mistake: Option<Mistake>) -> BTreeSet<String> {
    const ORDERS: usize = 20;
    let Upstream::Unix(socket) = upstream else {
        panic!("the server of a test listens on a socket");
    };
    let (address, lost) = lossy(socket, b"void_1(").await;
    let name = fresh();
    let direct = Sale::at(url, &name).expect("it is a name");
    direct.install().await.expect("the tables can be made");
    let client = connect(url, &name).await;
    skus(&client, 1).await;
    orders(&client, ORDERS, 1, "null").await;
    if let Some(mistake) = mistake {
        put_in(url, &name, mistake).await;
    }
    slow(&client).await;
    let sale = Sale::at(&PostgresServer::url_behind(address), &name).expect("it is a name");
    let sale = sale.timeout(Duration::from_millis(400));
    let node = sale.join("n").await.expect("it is there");
    let mut found = cancel_all(&node, ORDERS).await;
    assert!(lost.load(Ordering::Relaxed) > 0, "no answer was lost");
    node.leave().await.expect("it leaves");
    let audit = direct.audit().await;
    found.insert(audit.map_or_else(|error| error.to_string(), |()| "it balances".to_owned()));
    found
}

/// An address behind which is the server at a socket; it serves statements with these words, and their answers are lost with
/// their connections: this many are, so far.
async fn lossy(socket: &Path, words: &'static [u8]) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("an address is free");
    let address = listener.local_addr().expect("it listens");
    let (socket, lost) = (socket.to_owned(), Arc::new(AtomicU32::new(0)));
    let counts = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&socket).await;
            let server = server.expect("the server listens");
            tokio::spawn(relay(client, server, words, Arc::clone(&counts)));
        }
    });
    (address, lost)
}

/// Until the statement is prepared everything goes through. Then the next request reaches the server, and its reply nobody.
async fn relay(mut client: TcpStream, mut server: UnixStream, words: &[u8], lost: Arc<AtomicU32>) {
    let (mut asked, mut replied) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_prepared = false;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(length @ 1..) = length else { return };
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if is_prepared {
                    _ = server.read(&mut replied).await;
                    lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                is_prepared = asked[..length].windows(words.len()).any(|found| found == words);
            }
            length = server.read(&mut replied) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&replied[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

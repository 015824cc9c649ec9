//! What somebody between a client and its server reads.

use super::support::{AUTHORITY, Tests, file, over_tcp, own, trusting, with_rules};
use segstock_postgres::nodes::{Sale, SkuSettings};
use segstock_remote::servers::id;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What only the two may know.
const SKU: &str = "a-sku-that-is-a-secret";

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "hidden::who_is_between_reads_nothing_of_tls",
        || with_rules(""),
        |server, runtime| {
            let port = own(server).port();
            let roots = file(&AUTHORITY.root());
            let read = |name: &str, settings: &str| runtime.block_on(read(port, name, settings));
            let plain = read("plain", "sslmode=disable");
            for word in [SKU, "listen segstock_nodes", "postgres"] {
                assert!(has(&plain, word), "{word} is plain");
            }
            for (name, settings) in [
                ("encrypted", "sslmode=require".to_owned()),
                ("verified", trusting("verify-full", &roots)),
            ] {
                let hidden = read(name, &settings);
                assert!(hidden.len() > 10_000, "it reads what there is");
                for word in [SKU, "segstock", "select", "postgres"] {
                    assert!(!has(&hidden, word), "{settings}: {word}");
                }
            }
        },
    );
}

fn has(read: &[u8], word: &str) -> bool {
    read.windows(word.len())
        .any(|piece| piece == word.as_bytes())
}

/// All that goes over the wire while a node joins a sale and sells.
async fn read(server: u16, name: &str, settings: &str) -> Vec<u8> {
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let ear = Arc::clone(&heard);
    let listens = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server))
                .await
                .expect("it is there");
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(pass(from_client, to_server, Arc::clone(&ear)));
            tokio::spawn(pass(from_server, to_client, Arc::clone(&ear)));
        }
    });
    let sale = Sale::at(&over_tcp(port, settings), name).expect("it is a name");
    sale.install().await.expect("the tables can be made");
    sale.open_sku(SKU, SkuSettings::new(5))
        .await
        .expect("a new SKU");
    let node = sale.join("node").await.expect("it is there");
    node.place(&id("order"), [(SKU, 2)], None)
        .await
        .expect("there are enough");
    node.leave().await.expect("it is there");
    listens.abort();
    heard.lock().expect("no task panics").clone()
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut piece = vec![0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        heard
            .lock()
            .expect("no task panics")
            .extend(&piece[..length]);
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

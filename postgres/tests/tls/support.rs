//! Servers with certificates of an authority that only these tests know.

use segstock_postgres::{OpenError, Postgres, Row};
use segstock_remote::Patience;
use segstock_remote::servers::{Authority, NoServer, PostgresServer, Server, fresh_name};
use std::sync::{LazyLock, MutexGuard};
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

pub type Tests = segstock_remote::servers::Tests<PostgresServer>;

/// Whom the tests trust.
pub static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours"));

/// Whoever comes over TCP comes by TLS, or not at all.
const TLS_ONLY: &str = "hostssl all all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 reject\n";

pub fn tls_only() -> Result<PostgresServer, NoServer> {
    with_rules(TLS_ONLY)
}

/// A server with TLS, and these rules before those that let everybody in.
pub fn with_rules(rules: &str) -> Result<PostgresServer, NoServer> {
    let certificate = AUTHORITY.certifies(&["localhost"]);
    PostgresServer::on_tcp(rules, Some(&certificate))
}

/// The server that a test has for itself.
pub fn own(server: &std::sync::Mutex<PostgresServer>) -> MutexGuard<'_, PostgresServer> {
    server.lock().expect("no test panics twice")
}

/// Where it is over TCP, with these settings.
pub fn over_tcp(port: u16, settings: &str) -> String {
    format!("host=localhost port={port} user=postgres dbname=postgres {settings}")
}

/// A file, which goes with the value.
pub fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("there is a folder for it");
    std::fs::write(file.path(), text).expect("it can be written");
    file
}

/// `sslmode` with the authority of the tests.
pub fn trusting(mode: &str, roots: &NamedTempFile) -> String {
    format!("sslmode={mode} sslrootcert={}", roots.path().display())
}

/// A stock whose only connection is made and open.
pub async fn open(url: &str) -> Result<Row, OpenError> {
    open_with_patience(url, Duration::from_secs(5)).await
}

/// As [`open`], but it asks for so long.
pub async fn open_with_patience(url: &str, patience: Duration) -> Result<Row, OpenError> {
    let patience = Patience::new(Duration::from_secs(5), patience);
    let postgres = Postgres::new(url)?
        .patience(patience.expect("it is one"))
        .connections(1);
    postgres.install().await?;
    Row::create(&postgres, &fresh_name(), 5).await
}

/// A connection through the server's socket, which has no TLS.
pub fn inside(server: &PostgresServer, runtime: &Handle) -> Client {
    let connected = runtime.block_on(tokio_postgres::connect(server.url(), NoTls));
    let (client, connection) = connected.expect("the server is there");
    runtime.spawn(connection);
    client
}

/// Connections over TCP at this moment: by TLS, and plain.
pub fn connections(inside: &Client, runtime: &Handle) -> (i64, i64) {
    const COUNT: &str = "
        select count(*) filter (where ssl), count(*) filter (where not ssl)
        from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null";
    let row = runtime.block_on(inside.query_one(COUNT, &[]));
    let row = row.expect("the server is there");
    (row.get(0), row.get(1))
}

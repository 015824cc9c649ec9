//! How the tests ask a server.

use segstock_postgres::{OpenError, Postgres};
use segstock_remote::Patience;
use segstock_remote::servers::{PostgresServer, Server, Store};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

pub type Tests = segstock_remote::servers::Tests<PostgresServer>;
pub type Site<'a> = segstock_remote::servers::Site<'a, PostgresServer>;
pub type Designs<'a> = segstock_remote::servers::Designs<'a, OnPostgres>;

/// `PostgreSQL`, as the tests of all designs ask it.
#[derive(Debug)]
pub struct OnPostgres;

impl Store for OnPostgres {
    type Server = PostgresServer;
    type Asked = Postgres;
    type Error = OpenError;

    const ATTEMPT: Duration = Duration::from_millis(300);

    fn ask(url: &str, patience: Patience) -> Postgres {
        Postgres::new(url)
            .expect("the server's URL is one")
            .patience(patience)
            .remembered(Duration::from_secs(600))
            .connections(4)
    }

    async fn prepare(postgres: &Postgres) -> Result<(), OpenError> {
        postgres.install().await
    }
}

/// The server at `url`, as the designs' tests ask it.
pub fn postgres(url: &str) -> Postgres {
    OnPostgres::patient(url)
}

/// The database of a test, with the tables.
pub fn database(site: &Site<'_>) -> Postgres {
    let postgres = postgres(site.server.url());
    let installed = site.runtime.block_on(postgres.install());
    installed.expect("the tables can be made");
    postgres
}

/// A connection for what no design does.
pub fn connect(url: &str, runtime: &Handle) -> Client {
    let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
    let (client, connection) = connected.expect("the server is there");
    runtime.spawn(connection);
    client
}

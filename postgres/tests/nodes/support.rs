//! How the tests make a sale, and call its transactions.

use segstock_postgres::nodes::{Sale, SkuSettings};
use segstock_remote::servers::{PostgresServer, Server};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

pub type Tests = segstock_remote::servers::Tests<PostgresServer>;

/// Adds tests by `$add`: their names, and what they do.
macro_rules! scenes {
    ($add:ident($tests:ident) { $($name:literal: $test:ident,)+ }) => {
        $($add($tests, $name, $test);)+
    };
}
pub(crate) use scenes;

/// Adds a test that gets the URL of the server.
pub fn at_url(tests: &Tests, name: &str, test: impl AsyncFnOnce(&str) + Send + 'static) {
    tests.add(name, move |site| {
        site.runtime.block_on(test(site.server.url()));
    });
}

/// Adds a test that gets a sale with these SKUs, and a connection whose search path is the sale's.
pub fn at_sale(
    tests: &Tests,
    name: &str,
    skus: &'static [(&str, u64)],
    test: impl AsyncFnOnce(Client, Sale) + Send + 'static,
) {
    at_url(tests, name, async move |url: &str| {
        let (sale, name) = sale(url, skus).await;
        test(connect(url, &name).await, sale).await;
    });
}

/// A name that no other sale has, here and in other runs on the same server.
pub fn fresh() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    format!("nodes_{}_{number}", std::process::id())
}

/// A sale with these SKUs, that is sold from blocks to the last unit.
pub async fn sale(url: &str, skus: &[(&str, u64)]) -> (Sale, String) {
    let name = fresh();
    let sale = Sale::at(url, &name).expect("it is a name");
    let sale = sale
        .timeout(Duration::from_secs(3))
        .patience(Duration::from_secs(20))
        .lease(Duration::from_secs(2))
        .heartbeat(Duration::from_millis(100));
    sale.install().await.expect("the tables can be made");
    for (sku, units) in skus {
        let settings = SkuSettings::new(*units).narrow(0).most_lent(50);
        sale.open_sku(sku, settings).await.expect("a new SKU");
    }
    (sale, name)
}

/// A connection whose search path is the sale's.
pub async fn connect(url: &str, name: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("it is there");
    tokio::spawn(connection);
    let path = format!("set search_path = {name}");
    client.batch_execute(&path).await.expect("it is there");
    client
}

pub async fn one(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Row {
    client
        .query_one(sql, parameters)
        .await
        .expect("it is right")
}

/// What a query finds, as text: columns with spaces, rows with semicolons.
pub async fn text(client: &Client, sql: &str) -> String {
    let found = client.simple_query(sql).await.expect("it is right");
    let rows = found.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => {
            let columns = (0..row.len()).map(|column| row.get(column).unwrap_or("-"));
            Some(columns.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    });
    rows.collect::<Vec<_>>().join("; ")
}

/// A batch, as its transaction takes it.
#[derive(Default)]
pub struct Batch {
    item_no: Vec<i64>,
    ids: Vec<String>,
    kinds: Vec<&'static str>,
    asked: Vec<Option<i64>>,
    ttls: Vec<Option<i64>>,
    skus: Vec<Option<String>>,
    units: Vec<Option<i64>>,
    backs: Vec<(i64, i64)>,
    pieces: Vec<i64>,
}

impl Batch {
    fn row(mut self, number: i64, id: &str, kind: &'static str, ttl: Option<i64>) -> Self {
        self.item_no.push(number);
        self.ids.push(id.to_owned());
        self.kinds.push(kind);
        self.asked.push((kind == "place").then_some(7));
        self.ttls.push(ttl);
        self
    }

    fn next(&self) -> i64 {
        self.item_no.last().copied().unwrap_or(0) + 1
    }

    /// Places an order of pieces (SKU, block or 0, units), held for this many milliseconds. Items are added in the order of ids.
    pub fn place(mut self, id: &str, pieces: &[(&str, i64, i64)], ttl: Option<i64>) -> Self {
        let number = self.next();
        for (sku, epoch, units) in pieces {
            self = self.row(number, id, "place", ttl.map(|ttl| ttl * 1_000));
            self.skus.push(Some((*sku).to_owned()));
            self.pieces.push(*epoch);
            self.units.push(Some(*units));
        }
        self
    }

    /// Another item: `pay`, `ship`, `cancel` or `expire`.
    pub fn item(self, id: &str, kind: &'static str) -> Self {
        let number = self.next();
        let mut batch = self.row(number, id, kind, None);
        batch.skus.push(None);
        batch.pieces.push(0);
        batch.units.push(None);
        batch
    }

    pub fn back(mut self, epoch: i64, units: i64) -> Self {
        self.backs.push((epoch, units));
        self
    }

    /// What it answers: standing, and for each item what it did and its state.
    pub async fn send(&self, client: &Client, node: &str, session: i64, number: i64) -> String {
        self.try_send(client, node, session, number)
            .await
            .expect("it is right")
    }

    pub async fn try_send(
        &self,
        client: &Client,
        node: &str,
        session: i64,
        number: i64,
    ) -> Result<String, tokio_postgres::Error> {
        const COLUMNS: &str =
            "standing, array_to_string(dids, ',', '-'), array_to_string(states, ',', '-'),
              array_to_string(went_units, ',')";
        let row = self.ask(client, (node, session, number), COLUMNS).await?;
        let columns = (0..4).map(|column| row.get::<_, Option<String>>(column).unwrap_or_default());
        Ok(columns.collect::<Vec<_>>().join(" ").trim_end().to_owned())
    }

    /// Sends it, and reads these columns of its answer.
    pub async fn ask(
        &self,
        client: &Client,
        (node, session, number): (&str, i64, i64),
        columns: &str,
    ) -> Result<Row, tokio_postgres::Error> {
        let sql = format!(
            "select {columns}
            from batch_1($1, $2, $3, true, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        );
        let epochs = self
            .pieces
            .iter()
            .chain(self.backs.iter().map(|(epoch, _)| epoch));
        let mut named: Vec<i64> = epochs.copied().filter(|epoch| *epoch != 0).collect();
        named.sort_unstable();
        named.dedup();
        let at = |epoch: &i64| named.binary_search(epoch).map_or(0, |at| at as i64 + 1);
        let pieces: Vec<i64> = self.pieces.iter().map(at).collect();
        let back_at: Vec<i64> = self.backs.iter().map(|(epoch, _)| at(epoch)).collect();
        let back_units: Vec<i64> = self.backs.iter().map(|(_, units)| *units).collect();
        let parameters: [&(dyn ToSql + Sync); 15] = [
            &node,
            &session,
            &number,
            &named,
            &self.item_no,
            &self.ids,
            &self.kinds,
            &self.asked,
            &self.ttls,
            &self.skus,
            &pieces,
            &self.units,
            &back_at,
            &back_units,
            &vec![None::<String>; self.ids.len()],
        ];
        client.query_one(&sql, &parameters).await
    }
}

/// Opens a session, and returns its number.
pub async fn open(client: &Client, node: &str, seen: i64, start: i64) -> Option<i64> {
    let lease = 2_000_000_i64;
    let sql = "select open_1($1, $2, $3, $4)";
    one(client, sql, &[&node, &seen, &start, &lease])
        .await
        .get(0)
}

/// Has units lent: what it answers, and the blocks.
pub async fn lend(
    client: &Client,
    node: &str,
    session: i64,
    number: i64,
    wanted: &[(&str, i64)],
) -> (String, Vec<i64>) {
    let sql = "select standing, lent_epochs from lend_1($1, $2, $3, $4, $5)";
    let skus: Vec<&str> = wanted.iter().map(|(sku, _)| *sku).collect();
    let units: Vec<i64> = wanted.iter().map(|(_, units)| *units).collect();
    let row = one(client, sql, &[&node, &session, &number, &skus, &units]).await;
    (
        row.get(0),
        row.get::<_, Option<Vec<i64>>>(1).unwrap_or_default(),
    )
}

/// Proves orders of one line each: what it answers for each.
pub async fn prove(client: &Client, asks: &[(&str, &str, i64)]) -> String {
    let sql = "select array_to_string(dids, ',', '-') from prove_1($1, $2, $3, $4, $5)";
    let ids: Vec<&str> = asks.iter().map(|(id, ..)| *id).collect();
    let hashes = vec![7_i64; asks.len()];
    let of: Vec<i64> = (1..).take(asks.len()).collect();
    let skus: Vec<&str> = asks.iter().map(|(_, sku, _)| *sku).collect();
    let units: Vec<i64> = asks.iter().map(|(.., units)| *units).collect();
    one(client, sql, &[&ids, &hashes, &of, &skus, &units])
        .await
        .get(0)
}

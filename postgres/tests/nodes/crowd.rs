//! Three nodes as processes on one database behind proxies that make faults, and customers who ask any of them.
//!
//! One node is killed and starts again, one stands still for longer than its lease and goes on, the connections of one are cut,
//! and the database is killed and started. Then all is well, and everything is checked: what the judge sees, and what it does
//! not.

use super::checks::{Found, rest};
use super::log::Log;
use super::process::{Process, hurried};
use super::shop::{NODES, SKUS, Shop};
use super::support::{Tests, connect, fresh, text};
use segstock_postgres::nodes::SkuSettings;
use segstock_remote::servers::{Faults, OwnServer, PostgresServer, Proxy, Server, Upstream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "crowd::three_nodes_keep_their_promises_whatever_fails",
        start,
        |server, runtime| {
            for round in 0..rounds() {
                let mut scene = Scene {
                    seed: round,
                    is_slow: true,
                    ..Scene::default()
                };
                if round % 2 == 1 {
                    scene.faults = Faults::ALL;
                }
                let found = play(&Place::of(server), runtime, &scene);
                found.assert_kept();
            }
        },
    );
}

/// One batch of twenty takes too long. An update of `void` does not.
const SLOW: &str = "
    create function slow() returns trigger language plpgsql as $$
    begin
      if new.void = old.void and random() < 0.05 then perform pg_sleep(0.5); end if;
      return new;
    end $$;
    create trigger slow before update of last on node for each row execute function slow()";

/// Rounds: `SEGSTOCK_NODES_ROUNDS`, or 1.
fn rounds() -> u64 {
    let rounds = std::env::var("SEGSTOCK_NODES_ROUNDS");
    rounds.map_or(1, |rounds| {
        rounds.parse().expect("SEGSTOCK_NODES_ROUNDS is a number")
    })
}

pub fn start() -> Result<PostgresServer, segstock_remote::servers::NoServer> {
    PostgresServer::find()
}

/// Where a round plays.
pub struct Place<'a> {
    pub url: String,
    pub upstream: Upstream,
    /// A server that may be killed.
    pub own: Option<&'a OwnServer<PostgresServer>>,
}

impl<'a> Place<'a> {
    fn of(server: &'a OwnServer<PostgresServer>) -> Self {
        let found = server.lock().expect("no test failed");
        Self {
            url: found.url().to_owned(),
            upstream: found.upstream().expect("it is private"),
            own: Some(server),
        }
    }
}

/// A round.
pub struct Scene {
    pub seed: u64,
    pub customers: usize,
    pub faults: Faults,
    /// Processes are killed and stopped, connections cut, the database killed.
    pub accidents: bool,
    /// Some batches take longer than a node waits, so that their numbers are taken away.
    pub is_slow: bool,
    /// A mistake: a function of the database, and what is another in it.
    pub mistake: Option<Mistake>,
    pub time: Duration,
}

/// A function of the database, and parts of it with what takes their place.
pub type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

impl Default for Scene {
    fn default() -> Self {
        Self {
            seed: 0,
            customers: 64,
            faults: Faults {
                cut_before: 4,
                cut_after: 6,
                delayed: 10,
                silent: 2,
                half_open: 2,
                late: 6,
            },
            accidents: true,
            is_slow: false,
            mistake: None,
            time: Duration::from_secs(12),
        }
    }
}

pub fn play(place: &Place<'_>, runtime: &Handle, scene: &Scene) -> Found {
    let url = place.url.clone();
    let name = fresh();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let sale = hurried(&url, &name);
    let proxies: Vec<Proxy> = runtime.block_on(async {
        sale.install().await.expect("the tables can be made");
        for (number, (sku, units)) in SKUS.iter().enumerate() {
            let narrow = if number % 2 == 0 { 0 } else { 8 };
            let settings = SkuSettings::new(*units).narrow(narrow).most_lent(20);
            sale.open_sku(sku, settings).await.expect("a new SKU");
        }
        if let Some(mistake) = scene.mistake {
            put_in(&url, &name, mistake).await;
        }
        if scene.is_slow {
            let client = connect(&url, &name).await;
            client.batch_execute(SLOW).await.expect("it is right");
        }
        let mut proxies = Vec::new();
        for node in 0..NODES as u64 {
            let proxy =
                Proxy::start(place.upstream.clone(), scene.faults, scene.seed * 10 + node).await;
            proxies.push(proxy.expect("an address is free"));
        }
        proxies
    });
    let begin = |node: usize| {
        let url = format!(
            "{} application_name={name}-{node}",
            PostgresServer::url_behind(proxies[node].address())
        );
        Process::start(folder.path(), &url, &name, &format!("n{node}"))
    };
    let nodes = [0, 1, 2].map(|node| tokio::sync::RwLock::new(Some(begin(node))));
    let shop = Arc::new(Shop {
        nodes,
        log: Mutex::new(Log::new()),
        numbers: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let customers: Vec<_> = (0..scene.customers as u64)
        .map(|customer| {
            let (shop, seed) = (Arc::clone(&shop), scene.seed * 1_000 + customer);
            runtime.spawn(async move { shop.customer(seed).await })
        })
        .collect();
    let part = scene.time / 6;
    let pause = |time| std::thread::sleep(time);
    pause(part);
    if scene.accidents {
        let killed = runtime.block_on(shop.nodes[0].write()).take();
        killed.expect("it was started").kill();
        pause(Duration::from_millis(300));
        *runtime.block_on(shop.nodes[0].write()) = Some(begin(0));
        pause(part);
        let stop = |signal| {
            let node = runtime.block_on(shop.nodes[1].read());
            node.as_ref().expect("it was started").signal(signal);
        };
        stop("-STOP");
        pause(Duration::from_secs(2));
        stop("-CONT");
        pause(part);
        runtime.block_on(cut(&url, &format!("{name}-2")));
        pause(part);
        if let Some(server) = place.own {
            let mut server = server.lock().expect("no test failed");
            server.kill_and_start().expect("it starts again");
        }
    }
    pause(part);
    if scene.is_slow {
        let quick = async {
            let client = connect(&url, &name).await;
            client.batch_execute("drop trigger slow on node").await
        };
        runtime.block_on(quick).expect("it was made");
    }
    shop.over.store(true, Ordering::Relaxed);
    for proxy in &proxies {
        proxy.heal();
    }
    runtime.block_on(async {
        for customer in customers {
            let ended = tokio::time::timeout(Duration::from_secs(30), customer).await;
            if ended.is_err() {
                panic!("a customer gets no answer: {:?}", shop.statuses().await);
            }
        }
        // A call that nobody waited for may go on until its patience ends.
        sleep(Duration::from_secs(2)).await;
        let faults = proxies.iter().map(Proxy::faults_made).sum();
        rest(&shop, &sale, &url, &name, faults, scene.seed).await
    })
}

/// Replaces a part of a function: a mistake.
pub async fn put_in(url: &str, name: &str, (function, parts): Mistake) {
    let client = connect(url, name).await;
    let source = format!("select pg_get_functiondef('{name}.{function}'::regproc)");
    let mut source = text(&client, &source).await;
    for (part, by) in parts {
        assert!(source.contains(part), "{function} has no {part:?} any more");
        source = source.replace(part, by);
    }
    let put_in = client.batch_execute(&source).await;
    put_in.expect("it is a function");
}

/// Cuts the connections of a node.
async fn cut(url: &str, application: &str) {
    let client = connect(url, "public").await;
    let cut = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{application}'"
    );
    text(&client, &cut).await;
}

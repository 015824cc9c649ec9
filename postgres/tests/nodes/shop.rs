//! [`Shop`]: three nodes as processes, and the customers who ask any of them.

use super::log::{Call, Log, What};
use super::process::Process;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::sleep;

pub const SKUS: [(&str, u64); 6] = [
    ("a", 20),
    ("b", 40),
    ("c", 60),
    ("d", 80),
    ("e", 150),
    ("f", 150),
];
pub const NODES: usize = 3;
pub const PATIENCE: Duration = Duration::from_secs(3);

pub struct Shop {
    pub nodes: [tokio::sync::RwLock<Option<Process>>; NODES],
    pub log: Mutex<Log>,
    pub numbers: AtomicU64,
    pub over: AtomicBool,
}

impl Shop {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nobody panics with it")
    }

    /// Asks one node, once.
    pub async fn ask_node(&self, node: usize, id: &str, what: &What, line: &str) -> String {
        let called = self.log().now();
        let process = self.nodes[node].read().await;
        let answer = match &*process {
            Some(process) => process.ask(line, PATIENCE).await,
            None => None,
        };
        drop(process);
        let answer = answer.unwrap_or_else(|| "again".to_owned());
        let mut log = self.log();
        let call = Call {
            id: id.to_owned(),
            what: what.clone(),
            called,
            returned: log.now(),
            answer: answer.clone(),
        };
        log.calls.push(call);
        answer
    }

    pub async fn statuses(&self) -> Vec<Option<String>> {
        let mut statuses = Vec::new();
        for node in &self.nodes {
            statuses.push(match &*node.read().await {
                Some(process) => process.ask("status", PATIENCE).await,
                None => None,
            });
        }
        statuses
    }

    /// Asks any node, and others until one knows.
    async fn ask(&self, chance: &mut SmallRng, id: &str, what: What, line: &str) -> String {
        loop {
            let node = chance.random_range(0..NODES);
            let answer = self.ask_node(node, id, &what, line).await;
            if answer != "again" || self.over.load(Ordering::Relaxed) {
                return answer;
            }
            sleep(Duration::from_millis(chance.random_range(5..50))).await;
        }
    }

    pub fn fresh(&self, seed: u64) -> String {
        format!("o{seed}-{}", self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    pub async fn customer(&self, seed: u64) {
        let mut chance = SmallRng::seed_from_u64(seed);
        while !self.over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(chance.random_range(10..400))).await;
            if chance.random_range(0..100) < 4 {
                self.restock(&mut chance, seed).await;
            } else {
                self.order(&mut chance, seed).await;
            }
        }
    }

    async fn restock(&self, chance: &mut SmallRng, seed: u64) {
        let (sku, _) = SKUS[chance.random_range(0..SKUS.len())];
        let (id, units) = (self.fresh(seed), chance.random_range(1..6));
        let line = format!("restock {id} {sku} {units}");
        let called = self.log().now();
        loop {
            // One call, however often it is asked.
            let node = chance.random_range(0..NODES);
            let process = self.nodes[node].read().await;
            let answer = match &*process {
                Some(process) => process.ask(&line, PATIENCE).await,
                None => None,
            };
            drop(process);
            if answer.is_some_and(|answer| answer == "restocked") {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let mut log = self.log();
        let returned = log.now();
        let (what, answer) = (What::Restock(sku.to_owned(), units), "restocked".to_owned());
        log.calls.push(Call {
            id,
            what,
            called,
            returned,
            answer,
        });
    }

    /// An order, and what becomes of it.
    async fn order(&self, chance: &mut SmallRng, seed: u64) {
        let id = self.fresh(seed);
        let mut lines = vec![(
            SKUS[chance.random_range(0..SKUS.len())].0.to_owned(),
            chance.random_range(1..4),
        )];
        let (other, _) = SKUS[chance.random_range(0..SKUS.len())];
        if chance.random_range(0..4) == 0 && lines[0].0 != other {
            lines.push((other.to_owned(), chance.random_range(1..4)));
        }
        let ttl = (chance.random_range(0..2) == 0).then(|| chance.random_range(50..3_000));
        let (what, line) = place(&id, lines, ttl);
        let placed = if chance.random_range(0..10) == 0 {
            // A cancellation overtakes it, at another node.
            let mut other = SmallRng::seed_from_u64(chance.random_range(0..u64::MAX));
            let cancel = format!("cancel {id}");
            let beside = self.ask(&mut other, &id, What::Cancel, &cancel);
            tokio::join!(self.ask(chance, &id, what, &line), beside).0
        } else {
            self.ask(chance, &id, what, &line).await
        };
        if placed != "held" {
            return;
        }
        sleep(Duration::from_millis(chance.random_range(0..300))).await;
        match chance.random_range(0..10) {
            0..4 => {
                self.ask(chance, &id, What::Pay, &format!("pay {id}")).await;
                if chance.random_range(0..3) == 0 {
                    self.ask(chance, &id, What::Cancel, &format!("cancel {id}"))
                        .await;
                }
            }
            4..8 => {
                self.ask(chance, &id, What::Cancel, &format!("cancel {id}"))
                    .await;
            }
            8 => {
                self.ask(chance, &id, What::Get, &format!("get {id}")).await;
            }
            _ => {}
        }
    }
}

pub fn place(id: &str, lines: Vec<(String, u64)>, ttl: Option<u64>) -> (What, String) {
    let ttl = ttl.map_or_else(|| "-".to_owned(), |ttl| ttl.to_string());
    let wanted: Vec<String> = lines
        .iter()
        .map(|(sku, units)| format!("{sku}:{units}"))
        .collect();
    let line = format!("place {id} {ttl} {}", wanted.join(" "));
    (What::Place(lines), line)
}

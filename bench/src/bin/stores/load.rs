//! [`Load`]: customers who order again as soon as they are answered.

use crate::cpu;
use crate::ways::{FLOW, Order, Way};
use segstock_harness::percentile;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// How much is ordered.
pub struct Load {
    pub window: Duration,
    pub turns: usize,
}

/// What one way did: medians of the turns.
#[derive(Debug, Default, Clone, Copy)]
pub struct Measured {
    pub orders_a_second: f64,
    /// In milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// In microseconds for each order.
    pub client: f64,
    pub server: Option<f64>,
    /// Orders that were answered as they must not be.
    pub wrong: u64,
    /// Orders a second with 20 ms of work in each, and the 99th percentile of their latency in milliseconds: with the
    /// work, where it is done under a lock.
    pub with_flow: f64,
    pub p99_with_flow: f64,
    /// How often in a second a file of this disk could be synced, beside each turn.
    pub syncs: f64,
}

impl Load {
    /// Measures all ways by turns.
    pub fn measure(&self, runtime: &Runtime, ways: &[Way]) -> Vec<Measured> {
        let mut turns = vec![Vec::new(); ways.len()];
        for turn in 0..self.turns {
            for (way, turns) in ways.iter().zip(&mut turns) {
                eprintln!("turn {} of {}: {}", turn + 1, self.turns, way.name);
                let mut measured = self.once(runtime, way, &way.order, Duration::ZERO);
                let with_flow = match &way.with_flow {
                    Some(order) => self.once(runtime, way, order, Duration::ZERO),
                    None => self.once(runtime, way, &way.order, FLOW),
                };
                measured.with_flow = with_flow.orders_a_second;
                measured.p99_with_flow = with_flow.p99;
                measured.wrong += with_flow.wrong;
                measured.syncs = syncs();
                turns.push(measured);
            }
        }
        turns.iter().map(|turns| median(turns)).collect()
    }

    /// Measures the orders of a way, each with work after it.
    fn once(&self, runtime: &Runtime, way: &Way, order: &Order, flow: Duration) -> Measured {
        let wrong = Arc::new(AtomicU64::new(0));
        let (began, sold_out) = (Instant::now(), way.sold_out);
        let (warm, ends) = (self.window / 5, self.window + self.window / 5);
        let server = || way.process.map(cpu::seconds);
        let customers = (0..way.customers).map(|_| {
            let (order, wrong) = (Arc::clone(order), Arc::clone(&wrong));
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                while began.elapsed() < ends {
                    let ordered = Instant::now();
                    let sold = order().await;
                    let latency = ordered.elapsed();
                    if sold != Some(!sold_out) {
                        wrong.fetch_add(1, Ordering::Relaxed);
                    }
                    if !flow.is_zero() {
                        sleep(flow).await;
                    }
                    if (warm..ends).contains(&began.elapsed()) {
                        latencies.push(latency.as_secs_f64() * 1e3);
                    }
                }
                latencies
            })
        });
        let customers: Vec<_> = customers.collect();
        std::thread::sleep(warm);
        let before = (cpu::of_this_process(), server());
        std::thread::sleep(self.window);
        let after = (cpu::of_this_process(), server());
        let latencies: Vec<f64> = runtime.block_on(async {
            let mut all = Vec::new();
            for customer in customers {
                all.extend(customer.await.unwrap_or_default());
            }
            all
        });
        let orders = latencies.len().max(1) as f64;
        let microseconds = |seconds: f64| seconds * 1e6 / orders;
        Measured {
            orders_a_second: latencies.len() as f64 / self.window.as_secs_f64(),
            p50: percentile(latencies.clone(), 0.5).unwrap_or(f64::NAN),
            p99: percentile(latencies, 0.99).unwrap_or(f64::NAN),
            client: microseconds(after.0 - before.0),
            server: after
                .1
                .zip(before.1)
                .map(|(after, before)| microseconds(after - before)),
            wrong: wrong.load(Ordering::Relaxed),
            ..Measured::default()
        }
    }
}

/// How often in a second a file among the temporary ones could be synced, over 50 ms.
fn syncs() -> f64 {
    let file = std::env::temp_dir().join(format!("segstock-stores-{}", std::process::id()));
    let count = || -> std::io::Result<f64> {
        let mut written = File::create(&file)?;
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_millis(50) {
            written.write_all(&[0; 128])?;
            written.sync_data()?;
            count += 1;
        }
        Ok(f64::from(count) / began.elapsed().as_secs_f64())
    };
    let counted = count().unwrap_or(f64::NAN);
    _ = std::fs::remove_file(&file);
    counted
}

fn median(turns: &[Measured]) -> Measured {
    let of = |figure: fn(&Measured) -> f64| {
        let figures = turns.iter().map(figure).collect();
        percentile(figures, 0.5).unwrap_or(f64::NAN)
    };
    let server = turns.iter().all(|turn| turn.server.is_some());
    Measured {
        orders_a_second: of(|turn| turn.orders_a_second),
        p50: of(|turn| turn.p50),
        p99: of(|turn| turn.p99),
        client: of(|turn| turn.client),
        server: server.then(|| of(|turn| turn.server.unwrap_or(f64::NAN))),
        wrong: turns.iter().map(|turn| turn.wrong).sum(),
        with_flow: of(|turn| turn.with_flow),
        p99_with_flow: of(|turn| turn.p99_with_flow),
        syncs: of(|turn| turn.syncs),
    }
}

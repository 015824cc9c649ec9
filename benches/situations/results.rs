//! What was measured, to be written in one form or another.

use crate::counters::Counter;
use crate::flows::Held;
use crate::support::flow::Sale;
use crate::support::windows::Figure;
use serde_json::{Value, json};

/// One situation, one counter, so many threads.
#[derive(Debug, Clone)]
pub struct Cell {
    pub situation: &'static str,
    pub counter: Counter,
    pub threads: usize,
    pub figure: Figure,
}

/// Lines over one quantity.
#[derive(Debug, Clone)]
pub struct Curve {
    pub plot: &'static str,
    pub panel: String,
    pub line: String,
    pub points: Vec<(f64, Figure)>,
}

/// Orders with their flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// What all orders are.
    pub sale: Sale,
    pub held: Held,
    /// That ended while it was watched.
    pub orders: u64,
    pub orders_per_second: f64,
    /// Parts of all orders, and the ms that they took at the most.
    pub latency: Vec<(f64, f64)>,
    pub longest_ms: f64,
}

#[derive(Debug)]
pub struct Results {
    /// The machine, the compiler, and how much was measured.
    pub conditions: String,
    pub cells: Vec<Cell>,
    pub curves: Vec<Curve>,
    pub flows: Vec<Flow>,
}

impl Results {
    pub fn new(conditions: String) -> Self {
        Self {
            conditions,
            cells: Vec::new(),
            curves: Vec::new(),
            flows: Vec::new(),
        }
    }

    /// The numbers of threads that were measured, in their order.
    pub fn threads(&self) -> Vec<usize> {
        let mut threads: Vec<usize> = self.cells.iter().map(|cell| cell.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// The situations that were measured, in their order.
    pub fn situations(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !names.contains(&cell.situation) {
                names.push(cell.situation);
            }
        }
        names
    }

    /// ns, if it was measured and enough windows counted.
    pub fn ns(&self, situation: &str, counter: Counter, threads: usize) -> Option<f64> {
        let cell = self
            .row(situation, threads)
            .find(|cell| cell.counter == counter)?;
        cell.figure.told()
    }

    pub fn row(&self, situation: &str, threads: usize) -> impl Iterator<Item = &Cell> {
        self.cells
            .iter()
            .filter(move |cell| cell.situation == situation && cell.threads == threads)
    }

    /// The smallest ns of a row; of real counters, which references are not.
    pub fn best(&self, situation: &str, threads: usize) -> Option<f64> {
        let cells = self.row(situation, threads);
        let peers = cells.filter(|cell| !cell.counter.is_reference());
        let ns = peers.filter_map(|cell| cell.figure.told());
        ns.min_by(f64::total_cmp)
    }

    pub fn json(&self) -> Value {
        let cells = self.cells.iter().map(|cell| {
            json!({
                "situation": cell.situation,
                "counter": cell.counter.name(),
                "reference": cell.counter.is_reference(),
                "threads": cell.threads,
                "ns": cell.figure.ns,
                "windows": cell.figure.windows,
                "windows_counted": cell.figure.counted,
            })
        });
        let point = |(x, figure): &(f64, Figure)| {
            json!({
                "x": x,
                "ns": figure.ns,
                "windows": figure.windows,
                "windows_counted": figure.counted,
            })
        };
        let curves = self.curves.iter().map(|curve| {
            json!({
                "plot": curve.plot,
                "panel": curve.panel,
                "line": curve.line,
                "points": curve.points.iter().map(point).collect::<Vec<_>>(),
            })
        });
        let flows = self.flows.iter().map(|flow| {
            json!({
                "customers": flow.sale.customers,
                "flow_ms": flow.sale.flow.as_secs_f64() * 1e3,
                "held": flow.held.name(),
                "locks": flow.held.locks(),
                "orders": flow.orders,
                "orders_per_second": flow.orders_per_second,
                "latency_ms": flow.latency,
                "longest_ms": flow.longest_ms,
            })
        });
        json!({
            "conditions": self.conditions,
            "cells": cells.collect::<Vec<_>>(),
            "curves": curves.collect::<Vec<_>>(),
            "flows": flows.collect::<Vec<_>>(),
        })
    }
}

//! The control of the tests that kill the service: one that answers before the ledger has it. The audit must find that.
//!
//! No released program can be switched so: this one is the test's own, started by itself.

use crate::support::crowd::ended_under_load;
use crate::support::process::Process;
use crate::support::receipt::HOLD;
use crate::support::{Server, Setting};
use libtest_mimic::Trial;
use segstock::SystemClock;
use segstock_orders::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, Position};
use segstock_service::book::{Limits, Sku};
use std::collections::VecDeque;
use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

/// Has this program be a service with its ledger in this file.
const FILE: &str = "SEGSTOCK_TEST_ANSWERS_EARLY";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "early::killed_under_load_answers_before_they_are_durable_are_found",
        || {
            found();
            Ok(())
        },
    )]
}

/// Batches that are answered and not written.
const AHEAD: usize = 5;

/// A mistake: a batch counts as written, and is written some batches later.
struct AnswersEarly {
    inner: SqliteLedger<Sku>,
    answered: VecDeque<Batch<Sku>>,
}

impl Ledger<Sku> for AnswersEarly {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.inner.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
        self.inner.load(after, limit)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        self.inner.take_over()
    }

    fn write(&mut self, batch: &Batch<Sku>) -> Result<(), WriteError> {
        self.answered.push_back(batch.clone());
        if self.answered.len() <= AHEAD {
            return Ok(());
        }
        let oldest = self.answered.pop_front();
        oldest.map_or(Ok(()), |oldest| self.inner.write(&oldest))
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.inner.ask(epoch, number)
    }
}

/// Serves until it is killed, if this program was started for that.
pub fn serve_if_asked() {
    let Some(file) = env::var_os(FILE) else {
        return;
    };
    let ledger = AnswersEarly {
        inner: SqliteLedger::at(Path::new(&file)),
        answered: VecDeque::new(),
    };
    let setting = Setting {
        ledger: Box::new(ledger),
        // Its answers' times are those of the machine, as a service's are.
        book: |book| book.unpaid(100).clock(Arc::new(SystemClock::new())),
        connections: 1_000,
        limits: Limits {
            hold: HOLD,
            longest_hold: HOLD,
            ..Limits::default()
        },
        ..Setting::default()
    };
    let server = Server::set(&[], setting);
    let (customers, shop) = (server.customers.address, server.client.address);
    println!(
        "http://{customers}/v1/orders, the shop at http://{shop}:\na ledger that answers early"
    );
    loop {
        thread::park();
    }
}

fn found() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let start = || {
        let program = env::current_exe().unwrap();
        Process::spawn(Command::new(program).env(FILE, &file))
    };
    let wrongs = ended_under_load(start, Process::kill);
    // An order, or a step of one.
    let is_loss = |line: &String| line.contains("is lost") || line.contains("was answered");
    assert!(wrongs.iter().any(is_loss), "{wrongs:?}");
}

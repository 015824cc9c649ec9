//! [`Slow`]: a ledger whose disk stands still while the test wants it to.

use super::Setting;
use segstock_orders::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
use segstock_orders::{Entry, Position};
use segstock_service::book::{Limits, Sku};
use segstock_service::ledger::Nowhere;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A ledger that writes only while nobody holds its lock.
pub struct Slow(pub Arc<Mutex<()>>);

impl Slow {
    /// The lock of one, and a service whose requests wait for it at most for so long.
    pub fn at(request: Duration) -> (Arc<Mutex<()>>, Setting) {
        let disk = Arc::new(Mutex::new(()));
        let limits = Limits {
            request,
            ..Limits::default()
        };
        let ledger = Box::new(Self(Arc::clone(&disk)));
        let setting = Setting {
            ledger,
            limits,
            ..Setting::default()
        };
        (disk, setting)
    }
}

impl Ledger<Sku> for Slow {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        Ledger::<Sku>::open(&mut Nowhere)
    }

    fn load(&mut self, _: Position, _: usize) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
        Ok(Vec::new())
    }

    fn write(&mut self, _: &Batch<Sku>) -> Result<(), WriteError> {
        drop(self.0.lock().unwrap());
        Ok(())
    }

    fn ask(&mut self, _: u64, _: u64) -> Result<Standing, LedgerError> {
        Ok(Standing::Written)
    }
}

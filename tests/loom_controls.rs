//! Negative controls: the checker catches counters that are wrong. Run it with `.ci/loom`.
#![cfg(loom)]

mod support;

use Op::{Deduct, Restock};
use segstock::{OutOfStock, RestockOverflow, StockCounter};
use support::arena::{Op, Subject, finds_fault};
use support::model::Model;
use support::naive::{DecrementLookUndo, ReadCheckWrite, Scan, SilentGather};

/// Any counter as a subject.
struct Plain<C>(C);

impl<C: StockCounter + 'static> Subject for Plain<C> {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.0.deduct(units)
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.0.restock(units)
    }

    fn available(&self) -> u64 {
        self.0.available()
    }
}

macro_rules! caught {
    ($($name:ident: $counter:ident($units:literal), $($script:expr),+;)*) => {$(
        #[test]
        fn $name() {
            let open = || (Model::new($units), Plain($counter::new($units)));
            assert!(
                finds_fault(stringify!($name), open, &[$(&$script),+]),
                "the checker missed a counter that is wrong"
            );
        }
    )*};
}

caught! {
    read_check_write_oversells: ReadCheckWrite(1), [Deduct(1)], [Deduct(1)];
    decrement_look_undo_refuses_falsely: DecrementLookUndo(1), [Deduct(2)], [Deduct(1)];
    scan_refuses_falsely: Scan(2), [Restock(1), Deduct(2)], [Deduct(1)];
    silent_gather_refuses_falsely: SilentGather(2), [Deduct(2)], [Deduct(1)], [Deduct(1)];
}

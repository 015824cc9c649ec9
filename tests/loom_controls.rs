//! Negative controls: the checker catches counters that are wrong. Run it with `.ci/loom`.
#![cfg(loom)]

mod support;

use segstock_model::Model;
use segstock_model::Op::{Deduct, Restock};
use segstock_model::naive::{DecrementLookUndo, ReadCheckWrite, Scan, SilentGather};
use support::arena::Scenario;
use support::naive::{Checked, Naive};
use support::scenario::scripts;

macro_rules! caught {
    ($($name:ident: $counter:ident($units:literal), $($script:tt),+;)*) => {$(
        #[test]
        fn $name() {
            let open = || (Model::new($units), Naive($counter::<Checked>::new($units)));
            let scenario = Scenario::new(stringify!($name), open, scripts![$($script),+]);
            assert!(
                scenario.finds_fault(),
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

//! The scenarios: how a stock opens, and what each thread calls.

use crate::machine::{Thread, play};
use crate::memory::{SEGMENTS, Shared};
use crate::rules::{Rules, Tuning};
use crate::support::scenario::scripts;
use crate::support::stock_scenarios::{
    clocked_stock_scenarios, long_stock_scenarios, stock_scenarios, three_stock_scenarios,
};
use segstock_model::Op::{
    Available, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, ReserveUpTo, Restock,
    Snapshot, Withdraw,
};
use segstock_model::Step::{self, Call, Narrow, Prove, Sit, Widen};
use segstock_model::{Model, Op, Script};
use std::sync::LazyLock;

/// A few threads with a few calls each.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub open: Open,
    pub scripts: Vec<Script>,
}

/// A stock before the threads begin. Each is the one of that name in `tests/loom_stock.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    form: Form,
    segments: usize,
    units: u8,
    tuning: Tuning,
    /// Units of it that are reserved.
    reserved: u8,
    /// Whether each segment has taken a released unit back.
    released_before: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Narrow,
    /// Half of the units in each of two segments.
    Wide,
    /// All units in the first segment.
    Lopsided,
    /// Wide, all units in the word.
    WideInWord,
}

const STILL: Tuning = Tuning::STILL;
const RESTLESS: Tuning = Tuning::RESTLESS;
const SHRINKING: Tuning = Tuning::SHRINKING;

const fn open(form: Form, units: u8, tuning: Tuning) -> Open {
    Open {
        form,
        segments: SEGMENTS,
        units,
        tuning,
        reserved: 0,
        released_before: false,
    }
}

const fn narrow(units: u8, tuning: Tuning) -> Open {
    open(Form::Narrow, units, tuning)
}

/// Narrow for ever.
const fn single(units: u8) -> Open {
    Open {
        segments: 1,
        ..narrow(units, STILL)
    }
}

const fn wide(units: u8, tuning: Tuning) -> Open {
    open(Form::Wide, units, tuning)
}

const fn lopsided(units: u8, tuning: Tuning) -> Open {
    open(Form::Lopsided, units, tuning)
}

const fn wide_in_word(units: u8, tuning: Tuning) -> Open {
    open(Form::WideInWord, units, tuning)
}

const fn reserved(reserved: u8, open: Open) -> Open {
    Open { reserved, ..open }
}

const fn released_before(open: Open) -> Open {
    Open {
        released_before: true,
        reserved: 1,
        ..open
    }
}

impl Open {
    /// The units that the stock opens with; in a lopsided one all units are restocked.
    const fn initial(self) -> u8 {
        match self.form {
            Form::Lopsided => 0,
            _ => self.units,
        }
    }
}

impl Scenario {
    /// What its threads go by; by rules that are kept.
    pub fn rules(&self) -> Rules {
        let has = |is: fn(Op) -> bool| {
            let mut steps = self.scripts.iter().flatten();
            steps.any(|step| matches!(*step, Call(op) if is(op)))
        };
        Rules {
            initial: self.open.initial(),
            segments: self.open.segments,
            tuning: self.open.tuning,
            reserves: has(|op| op.reserves_units()),
            commits: has(|op| matches!(op, Commit(_))),
            restocks: has(|op| matches!(op, Restock(_))),
            withdraws: has(|op| matches!(op, Withdraw(_))),
            omitted: None,
        }
    }

    /// The stock before the threads begin, as the model has it and as it is.
    pub fn open(&self) -> (Model, Shared) {
        let Open {
            form,
            segments,
            units,
            tuning,
            reserved,
            released_before,
        } = self.open;
        let initial = self.open.initial();
        let rules = Rules {
            initial,
            segments,
            tuning,
            reserves: true,
            commits: true,
            restocks: true,
            withdraws: true,
            omitted: None,
        };
        let (mut stock, mut shared) = (Model::new(initial.into()), Shared::new(initial));
        let mut thread = Thread::sitting_at(0, &rules);
        let mut play = |thread: &mut Thread, step: Step| {
            let answer = play(&mut shared, thread, step, &rules);
            if let Call(op) = step {
                assert_eq!(answer, Some(stock.apply(op)), "{op}");
            }
        };
        if form != Form::Narrow {
            play(&mut thread, Widen);
        }
        match form {
            Form::Narrow => {}
            Form::Lopsided => (0..units).for_each(|_| play(&mut thread, Call(Restock(1)))),
            // Who makes a stock wide has no segment of its own yet.
            Form::Wide => thread.seat = None,
            Form::WideInWord => play(&mut thread, Narrow),
        }
        if released_before {
            for segment in 0..segments {
                thread.stay(segment, &rules);
                play(&mut thread, Call(Reserve(1)));
                play(&mut thread, Call(Release(1)));
            }
        }
        if reserved > 0 {
            play(&mut thread, Call(Reserve(reserved.into())));
        }
        if form == Form::WideInWord {
            shared.word = shared.word.reopened();
        }
        (stock, shared)
    }
}

/// A list of scenarios, in the form that they have for loom.
macro_rules! scenarios {
    ($($name:ident: $open:expr, $($script:tt),+;)*) => {
        vec![$(Scenario {
            name: stringify!($name),
            open: $open,
            scripts: scripts![$($script),+],
        }),*]
    };
}

mod heavy;
mod quick;

pub use heavy::HEAVY;
pub use quick::QUICK;

/// What loom runs, too.
pub static LOOM: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let lists = [
        stock_scenarios!(scenarios),
        clocked_stock_scenarios!(scenarios),
        three_stock_scenarios!(scenarios),
        long_stock_scenarios!(scenarios),
    ];
    lists.into_iter().flatten().collect()
});

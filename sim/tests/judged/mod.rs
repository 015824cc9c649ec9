//! Judges designs over the seeds that the environment names:
//!
//! ```text
//! SIM_SEEDS=100000 cargo test --release -p segstock-sim --test promises            more than the 1,000 of always
//! SIM_SEED=17 cargo test -p segstock-sim --test promises -- --nocapture blocks     one run, call by call
//! ```

use segstock_sim::{Design, Fault, Options, Promise, Scene, Tried};
use std::env;

/// Seeds of each test, unless the environment says otherwise.
const SEEDS: u64 = 1_000;

/// The design keeps what it promises, though every fault happened.
#[track_caller]
pub fn assert_kept(name: &'static str, design: &impl Design) -> Tried {
    print_one(design);
    let findings = Scene::new().judge(name, design, seeds());
    println!("{findings}");
    findings.assert_kept();
    if let Some(runs) = enough(&findings.tried) {
        use Fault::{Crashed, Cut, FailedOver, Late, Lost, Repeated, Stalled};
        for fault in [Lost, Repeated, Late, Cut, Stalled, Crashed, FailedOver] {
            assert_happened(&findings.tried, fault);
        }
        assert!(2 * findings.tried.certain > runs, "{:?}", findings.tried);
    }
    findings.tried
}

/// The fault happened, unless there were few runs.
#[track_caller]
pub fn assert_happened(tried: &Tried, fault: Fault) {
    let happened = tried.faults.contains_key(&fault);
    assert!(happened || enough(tried).is_none(), "never {fault:?}");
}

/// The number of runs, if there were this many that every fault must have happened.
fn enough(tried: &Tried) -> Option<usize> {
    let runs = tried.runs;
    (runs as u64 >= SEEDS).then_some(runs)
}

/// A claim to every promise is caught by `promise`.
#[track_caller]
pub fn assert_caught(name: &'static str, design: &impl Design, promise: Promise) {
    print_one(design);
    let findings = Scene::new().judge_claim(name, design, &Options::new(), seeds());
    println!("{findings}");
    let caught = findings.breaks(promise) && findings.tried.done > 0;
    assert!(
        caught || one_seed().is_some(),
        "no run breaks \u{201c}{promise}\u{201d}"
    );
}

/// Prints the run that is to be replayed.
fn print_one(design: &impl Design) {
    if let Some(seed) = one_seed() {
        println!("{:#?}", Scene::new().run(design, seed));
    }
}

pub fn seeds() -> Vec<u64> {
    match one_seed() {
        Some(seed) => vec![seed],
        None => (0..number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

fn one_seed() -> Option<u64> {
    number("SIM_SEED")
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

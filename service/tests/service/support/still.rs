//! Customers who buy while the service stands still for longer than its time-outs, and then goes on.

use super::crowd::{
    Answers, CUSTOMERS, answered, assert_goes_on, audit, deeds, rounds, start_with, units,
};
use super::process::Process;
use super::{Client, Over};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The time-outs of a service that stands still for some seconds.
const SHORT: [&str; 6] = [
    "--request-timeout",
    "1",
    "--header-timeout",
    "1",
    "--answer-timeout",
    "1",
];

/// For how many seconds it stands still: `SEGSTOCK_SERVICE_STOP`, which is to be longer than the time-outs that it has by
/// itself. Without that it has short ones, but for the 5 s in which a database is to answer.
fn stop(ledger: &str) -> (Duration, &'static [&'static str]) {
    match std::env::var("SEGSTOCK_SERVICE_STOP") {
        Ok(text) => (Duration::from_secs(text.parse().expect("a number")), &[]),
        Err(_) if ledger.starts_with("postgres") => (Duration::from_secs(7), &SHORT),
        Err(_) => (Duration::from_secs(2), &SHORT),
    }
}

/// Customers who make a call again until it is answered, at the service that is there then.
struct Crowd {
    service: Mutex<Client>,
    all: Answers,
    is_over: AtomicBool,
}

impl Crowd {
    /// Orders and pays, order by order. Every second customer waits for an answer for 1.2 seconds, the others for 20.
    fn buy(&self, customer: usize) {
        for number in 0.. {
            let id = format!("{customer}:{number}");
            let places = |client: &Client| {
                answered(client.try_order(&id, &[("a", 1)]), &id, "held", &self.all)
            };
            if !self.until_answered(customer, places) {
                return;
            }
            for &(deed, state) in deeds(number) {
                let does =
                    |client: &Client| answered(client.try_deed(deed, &id), &id, state, &self.all);
                if !self.until_answered(customer, does) {
                    return;
                }
            }
        }
    }

    /// Whether a call was answered before all is over.
    fn until_answered(&self, customer: usize, call: impl Fn(&Client) -> bool) -> bool {
        while !self.is_over.load(Ordering::Relaxed) {
            let client = self.service.lock().unwrap().clone();
            let client = match customer % 2 {
                0 => client,
                _ => client.waiting(Duration::from_millis(1_200)),
            };
            if call(&client) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Customers ask this service from now on.
    fn goes_to(&self, service: &Process) {
        *self.service.lock().unwrap() = service.client.clone();
    }

    /// Orders that were answered.
    fn answers(&self) -> usize {
        self.all.lock().unwrap().len()
    }

    /// Waits for more answers.
    fn goes_on(&self) {
        let (enough, began) = (self.answers() + 200, Instant::now());
        while self.answers() < enough {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "customers are answered"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Has the service stand still under load, again and again. `meanwhile` says which service customers ask from then on: none,
/// if they go on with the one that stood still.
pub fn stands_still_under_load(
    ledger: &str,
    meanwhile: impl Fn(&dyn Fn() -> Process) -> Option<Process>,
) {
    let (time, arguments) = stop(ledger);
    let start = || start_with(ledger, arguments);
    let mut service = start();
    service.client.open("a", units());
    let crowd = Crowd {
        service: Mutex::new(service.client.clone()),
        all: Answers::default(),
        is_over: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let crowd = &crowd;
        for customer in 0..CUSTOMERS {
            scope.spawn(move || crowd.buy(customer));
        }
        // If it panics, its customers end.
        let _over = Over(&crowd.is_over);
        for round in 0..rounds() {
            crowd.goes_on();
            service.signal("-STOP");
            let began = Instant::now();
            let next = meanwhile(&start);
            if let Some(next) = &next {
                // Nobody asks it yet, and nobody is answered by the other one.
                audit(&next.client, &crowd.all);
            }
            // What was on its way is there by now.
            thread::sleep((time / 2).saturating_sub(began.elapsed()));
            let before = crowd.answers();
            thread::sleep(time.saturating_sub(began.elapsed()));
            assert_eq!(crowd.answers(), before, "it stands still");
            // In every second round it writes before the other one goes on; else the other one finds nothing but its epoch.
            if let Some(next) = &next
                && round % 2 == 1
            {
                crowd.goes_to(next);
                crowd.goes_on();
            }
            service.signal("-CONT");
            if let Some(next) = next {
                // It can promise nothing any more to whoever asks it.
                let late = service.client.order("late", &[("a", 1)]);
                assert_eq!(late.status, 503, "{late:?}");
                crowd.goes_to(&next);
                thread::sleep(Duration::from_millis(100));
                service = next;
            }
        }
        crowd.goes_on();
    });
    audit(&service.client, &crowd.all);
    // By its ledger, too, not only by its memory.
    service.kill();
    let service = start_with(ledger, &[]);
    audit(&service.client, &crowd.all);
    assert_goes_on(&service.client, &crowd.all);
}

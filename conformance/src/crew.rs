//! [`Crew`]: threads that live for a whole check.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run one job after another. Each has its number for the whole check, unless a job hangs: then
/// all are replaced.
pub(super) struct Crew {
    threads: Vec<Sender<Job>>,
}

impl Crew {
    pub(super) fn new(threads: usize) -> Self {
        let threads = (0..threads).map(|_| begin()).collect();
        Self { threads }
    }

    /// Has thread `number` run `job`.
    pub(super) fn run(&mut self, number: usize, job: impl FnOnce() + Send + 'static) {
        while self.threads.len() <= number {
            self.threads.push(begin());
        }
        let sent = self.threads[number].send(Box::new(job));
        // A job whose panic cannot be caught takes its thread along.
        if let Err(back) = sent {
            self.threads[number] = begin();
            _ = self.threads[number].send(back.0);
        }
    }

    /// Leaves threads that hang to themselves.
    pub(super) fn replace(&mut self) {
        self.threads.clear();
    }
}

fn begin() -> Sender<Job> {
    let (sender, jobs): (Sender<Job>, Receiver<Job>) = channel();
    thread::spawn(move || jobs.into_iter().for_each(|job| job()));
    sender
}

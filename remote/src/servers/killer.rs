//! [`Killer`]: kills a server again and again.

use super::{OwnServer, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

/// A thread that kills a server as `kill -9` does, and starts it again, at a distance.
#[derive(Debug)]
pub(super) struct Killer {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Killer {
    pub(super) fn start(server: OwnServer<impl Server>, every: Duration) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let mut kills = 0;
            loop {
                let began = Instant::now();
                while began.elapsed() < every {
                    if seen.load(Ordering::Relaxed) {
                        return kills;
                    }
                    sleep(Duration::from_millis(20));
                }
                let mut server = server.lock().expect("no test failed");
                server.kill_and_start().expect("it starts again");
                kills += 1;
            }
        });
        Self { ends, thread }
    }

    /// Stops, and says how often it killed.
    pub(super) fn end(self) -> u32 {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("the server started again")
    }
}

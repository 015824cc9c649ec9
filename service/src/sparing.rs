//! [`Sparing`]: this many lines of the log in a second, at most.

use parking_lot::Mutex;
use std::mem;
use std::time::{Duration, Instant};

/// Lines in a second.
const MOST: u32 = 20;

/// Lines that might fill a disk: when all requests fail, the first of each second say why.
#[derive(Debug)]
pub struct Sparing(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    /// When the second began.
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Sparing {
    /// None are written yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Lines {
            since: None,
            written: 0,
            left_out: 0,
        }))
    }

    /// Whether a line may be written now: then how many were left out since the last one.
    pub fn line(&self, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock();
        let is_over =
            |since: Instant| now.saturating_duration_since(since) >= Duration::from_secs(1);
        if lines.since.is_none_or(is_over) {
            lines.since = Some(now);
            lines.written = 0;
        }
        if lines.written == MOST {
            lines.left_out += 1;
            return None;
        }
        lines.written += 1;
        Some(mem::take(&mut lines.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_second_are_written_and_the_others_counted() {
        let (lines, began) = (Sparing::new(), Instant::now());
        let written = |at: Instant| {
            (0..100)
                .filter_map(|_| lines.line(at))
                .collect::<Vec<u64>>()
        };
        assert_eq!(written(began), [0; MOST as usize]);
        assert!(written(began + Duration::from_millis(999)).is_empty());
        let next = written(began + Duration::from_secs(1));
        assert_eq!((next.len(), next[0], next[1]), (MOST as usize, 180, 0));
    }
}

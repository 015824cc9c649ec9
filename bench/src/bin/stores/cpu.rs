//! The CPU time of processes, as the system counts it.

use std::fs;

/// Ticks of the system's clock in a second: Linux has 100 for everybody who asks.
const TICKS: f64 = 100.0;

/// CPU seconds of a process and of its children that run. 0 where the system does not say.
pub fn seconds(process: u32) -> f64 {
    let own = stat(&process.to_string()).map_or(0, |stat| stat.ticks);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = all
        .filter_map(|entry| stat(entry.file_name().to_str()?))
        .filter(|stat| stat.parent == process);
    (own + children.map(|stat| stat.ticks).sum::<u64>()) as f64 / TICKS
}

/// CPU seconds of this process alone.
pub fn of_this_process() -> f64 {
    stat("self").map_or(0.0, |stat| stat.ticks as f64 / TICKS)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(process: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses, and may have spaces.
    let (_, after) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?,
    })
}

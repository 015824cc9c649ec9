//! Memory of lists: how much of it one list takes, and how many lists there are at once.

use crate::support::process::Process;
use crate::support::slow::Slow;
use crate::support::{Client, RUNTIME, Reply, Server, key, wait_for};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// The most bytes of a list.
const MOST: usize = 64 * 1_024;

/// A list with this many bytes, at most.
fn list(bytes: usize) -> String {
    let lines = "phone,1\n".repeat((bytes - 10) / 8);
    format!("sku,units\n{lines}")
}

fn send(client: &Client, with_key: &str, list: &str) -> Reply {
    let headers = [("content-type", "text/csv"), key(with_key)];
    client.send("POST", "/v1/bulk/stock?do=restock", &headers, list)
}

#[test]
fn lists_beyond_the_room_for_two_of_the_largest_wait() {
    let (disk, mut setting) = Slow::at(PATIENCE);
    setting.limits.list = MOST;
    let shop = Server::set(&[("phone", 0)], setting);
    let (client, room) = (&shop.client, &shop.list_room);
    assert_eq!((room.taken(), room.most()), (0, 2 * MOST));
    let (largest, half, small) = (list(MOST), list(MOST / 2), list(1_000));
    let stuck = disk.lock().unwrap();
    let replies = thread::scope(|scope| {
        let begin = |with_key, list| scope.spawn(move || send(client, with_key, list));
        let mut sent = vec![begin("a", &half), begin("b", &half)];
        wait_for(|| room.taken() == MOST);
        sent.push(begin("largest", &largest));
        wait_for(|| room.taken() == 2 * MOST);
        let waits = begin("small", &small);
        thread::sleep(Duration::from_millis(200));
        assert_eq!(client.get("/livez").status, 200);
        assert!(!waits.is_finished());
        drop(stuck);
        sent.push(waits);
        let replies = sent.into_iter().map(|sent| sent.join().unwrap());
        replies.collect::<Vec<Reply>>()
    });
    for (reply, list) in replies.iter().zip([&half, &half, &largest, &small]) {
        assert_eq!(reply.expect(200)["lines"], list.lines().count() - 1);
    }
    wait_for(|| room.taken() == 0);
}

#[test]
fn a_list_without_room_is_told_so_in_time() {
    let (_disk, mut setting) = Slow::at(Duration::from_millis(300));
    setting.limits.list = MOST;
    let shop = Server::set(&[("phone", 0)], setting);
    let take = || RUNTIME.block_on(shop.list_room.take(None, PATIENCE));
    let taken = [take().unwrap(), take().unwrap()];
    let refused = send(&shop.client, "small", &list(1_000)).problem(503, "busy");
    let detail = refused["detail"].to_string();
    assert!(detail.contains("take all room for lists"), "{detail}");
    assert!(detail.contains("nothing was changed"), "{detail}");
    drop(taken);
    send(&shop.client, "small", &list(1_000)).expect(200);
}

/// The most memory that a process had, in bytes.
#[cfg(target_os = "linux")]
fn peak(service: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() * 1_024
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_of_many_lines_takes_little_more_memory_than_its_bytes() {
    let service = Process::start(&["--request-timeout", "60"]);
    let before = peak(&service);
    let list = list(4 << 20);
    let done = send(&service.client, "long", &list).expect(200);
    assert_eq!(done["skus"], 1);
    let (grew, bytes) = (peak(&service) - before, list.len() as u64);
    assert!(grew < 4 * bytes, "{grew} for {bytes}");
}

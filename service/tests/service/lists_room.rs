//! Memory of lists: how much of it one list takes, and how many lists there are at once.

use crate::support::process::Process;
use crate::support::slow::Slow;
use crate::support::{Client, RUNTIME, Reply, Server, key, wait_for};
use segstock_service::list_room::ListRoom;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use ureq::SendBody;

const PATIENCE: Duration = Duration::from_secs(20);
/// The most bytes of a list.
const MOST: usize = 64 * 1_024;
/// The most bytes of a small one.
const SMALL: usize = MOST / 128;

/// A list with this many bytes, at most.
fn list(bytes: usize) -> String {
    let lines = "phone,1\n".repeat((bytes - 10) / 8);
    format!("sku,units\n{lines}")
}

fn send(client: &Client, with_key: &str, list: &str) -> Reply {
    let headers = [("content-type", "text/csv"), key(with_key)];
    client.send("POST", "/v1/bulk/stock?do=restock", &headers, list)
}

/// Sends a list of which nothing is changed.
fn try_out(client: &Client, list: &str) -> Reply {
    let headers = [("content-type", "text/csv"), key("dry")];
    let path = "/v1/bulk/stock?do=restock&dry_run=true";
    client.send("POST", path, &headers, list)
}

#[test]
fn lists_beyond_the_room_for_two_of_the_largest_wait_and_small_ones_do_not() {
    let (disk, mut setting) = Slow::at(PATIENCE);
    setting.limits.list = MOST;
    let shop = Server::set(&[("phone", 0)], setting);
    let (client, room) = (&shop.client, &shop.list_room);
    let (begun_with, small) = (room.taken(), list(SMALL));
    assert_eq!(begun_with, 0);
    let (largest, half, third) = (list(MOST), list(MOST / 2), list(2 * SMALL));
    let (stuck, has_room) = (disk.lock().unwrap(), AtomicBool::new(false));
    let replies = thread::scope(|scope| {
        let begin = |with_key, list| scope.spawn(move || send(client, with_key, list));
        let mut sent = vec![begin("a", &half), begin("b", &half)];
        wait_for(|| room.taken() == MOST);
        sent.push(begin("largest", &largest));
        wait_for(|| room.taken() == 2 * MOST);
        // These change nothing: they need no disk.
        let waits = scope.spawn(|| {
            let reply = try_out(client, &third);
            assert!(has_room.load(Ordering::Relaxed));
            reply
        });
        try_out(client, &small).expect(200);
        thread::sleep(Duration::from_millis(200));
        has_room.store(true, Ordering::Relaxed);
        drop(stuck);
        sent.push(waits);
        let replies = sent.into_iter().map(|sent| sent.join().unwrap());
        replies.collect::<Vec<Reply>>()
    });
    for (reply, list) in replies.iter().zip([&half, &half, &largest, &third]) {
        assert_eq!(reply.expect(200)["lines"], list.lines().count() - 1);
    }
    wait_for(|| room.taken() == 0);
}

#[test]
fn a_list_without_room_is_refused_in_time() {
    let (_disk, mut setting) = Slow::at(Duration::from_secs(2));
    setting.limits.list = MOST;
    let shop = Server::set(&[("phone", 0)], setting);
    let take = || RUNTIME.block_on(shop.list_room.take(None, PATIENCE));
    let taken = [take().unwrap(), take().unwrap()];
    let refused = send(&shop.client, "list", &list(MOST)).problem(503, "busy");
    let detail = refused["detail"].to_string();
    assert!(detail.contains("take all room for lists"), "{detail}");
    assert!(detail.contains("nothing was changed"), "{detail}");
    // What no room would make right does not wait for it.
    refuses_what_it_has_not_read(&shop.client, &list(2 * MOST));
    drop(taken);
    send(&shop.client, "list", &list(MOST)).expect(200);
}

/// However large a list is: whoever sends it reads why it is refused, and meets no broken connection.
#[test]
fn a_list_is_refused_once_it_is_sent() {
    let shop = Server::start(&[("phone", 0)]);
    // More than is on the way in buffers.
    let large = list(32 << 20);
    refuses_what_it_has_not_read(&shop.client, &large);
    // Its length is not declared.
    let chunks = SendBody::from_owned_reader(Cursor::new(large));
    let headers = [("content-type", "text/csv"), key("list")];
    let path = "/v1/bulk/stock?do=restock";
    let refused = shop.client.try_send_any("POST", path, &headers, chunks);
    refused.unwrap().problem(413, "too-large");
}

fn refuses_what_it_has_not_read(client: &Client, list: &str) {
    let (csv, path) = (("content-type", "text/csv"), "/v1/bulk/stock?do=restock");
    let send = |path, headers: &[_]| client.send("POST", path, headers, list);
    let kind = send(path, &[("content-type", "text/plain"), key("list")]);
    kind.problem(415, "not-json");
    send(path, &[csv]).problem(400, "idempotency-key");
    let query = send("/v1/bulk/stock?do=sell", &[csv, key("list")]);
    query.problem(422, "invalid-request");
    send(path, &[csv, key("list")]).problem(413, "too-large");
}

#[test]
fn what_a_list_did_not_need_is_given_back() {
    RUNTIME.block_on(async {
        let room = ListRoom::of(MOST);
        let unknown = room.take(None, PATIENCE).await;
        let mut unknown = unknown.unwrap();
        assert_eq!(room.taken(), MOST);
        unknown.shrink(3 * SMALL);
        assert_eq!(room.taken(), 3 * SMALL);
        let small = room.take(Some(1), PATIENCE).await.unwrap();
        assert_eq!(room.taken(), 4 * SMALL);
        drop((unknown, small));
        assert_eq!(room.taken(), 0);
        // Whoever wants no limit names a large one.
        let vast = ListRoom::of(usize::MAX);
        assert_eq!(vast.taken(), 0);
        assert!(vast.most() > 1 << 40);
    });
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
    // Columns take more, wherever they are and whatever quotes there are.
    for above in ["sku,units", "a\"", "sku,units\n"] {
        let wide = format!("{above}{}\n", ",".repeat(4 << 20));
        let refused = send(&service.client, "wide", &wide).problem(422, "invalid-request");
        let detail = refused["detail"].to_string();
        assert!(detail.contains("more than 10000 columns"), "{detail}");
    }
    let grew = peak(&service) - before;
    // What was let go of four lists is not always given back to the system: 2.4 to 4.2 times were measured.
    assert!(grew < 8 * bytes, "{grew} for {bytes}");
}

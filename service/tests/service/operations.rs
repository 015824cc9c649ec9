//! What operators rely on: a slow and a dead ledger, few descriptors, a full disk, stopping.

use crate::support::process::{PORTS, Process, WITHOUT_LEDGER, command};
use crate::support::slow::Slow;
use crate::support::{Client, JSON, Server, Setting, key, wait_for};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, Opened, Recovered, Standing, WriteError,
};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, Journal, Position, Refusal};
use segstock_service::book::{Book, Sku};
use segstock_service::ledger::Nowhere;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn a_call_that_waits_too_long_for_the_disk_learns_that_a_retry_answers() {
    let (disk, setting) = Slow::at(Duration::from_millis(500));
    let shop = Server::set(&[("phone", 10)], setting);
    let stuck = disk.lock().unwrap();
    let slow = shop.customers.order("a", &[("phone", 1)]);
    slow.problem(503, "still-writing");
    assert_eq!(slow.headers["retry-after"], "1");
    // What rests on it waits as well, and is not shown.
    shop.client
        .get("/v1/orders/a")
        .problem(503, "still-writing");
    shop.client.get("/v1/stock").problem(503, "still-writing");
    drop(stuck);
    let retry = shop.customers.order("a", &[("phone", 1)]);
    assert!(retry.is_replayed());
    retry.expect(200);
    assert_eq!(shop.client.stock("phone"), (9, 10));
}

/// An order is held from its call on, however long that waits for the disk.
#[test]
fn the_times_of_an_answer_are_those_of_its_call() {
    let (disk, setting) = Slow::at(Duration::from_secs(20));
    let shop = Server::set(&[("phone", 10)], setting);
    let stuck = disk.lock().unwrap();
    let (order, released) = thread::scope(|scope| {
        let order = scope.spawn(|| shop.customers.order("a", &[("phone", 1)]));
        thread::sleep(Duration::from_secs(3));
        let released = SystemTime::now();
        drop(stuck);
        (order.join().unwrap().expect(201), released)
    });
    let time = |name: &str| humantime::parse_rfc3339(order[name].as_str().unwrap()).unwrap();
    let second = Duration::from_secs(1);
    assert!(time("placed_at") <= released - second, "{order}");
    assert!(time("expires_at") <= released + 599 * second, "{order}");
}

/// A change of stock shows the stock: with what others did, once that is durable.
#[test]
fn figures_in_the_answer_to_a_change_are_durable() {
    let (disk, setting) = Slow::at(Duration::from_millis(500));
    let shop = Server::set(&[("phone", 10)], setting);
    let changes = || {
        let units = json!({"units": 1});
        let limits = json!({"low": 2}).to_string();
        let path = "/v1/stock/phone";
        [
            shop.client.send("PUT", path, &[], ""),
            shop.client.post("/v1/stock/phone/restock", "k", &units),
            shop.client
                .send("PUT", "/v1/stock/phone/limits", &[JSON], &limits),
        ]
    };
    for change in changes() {
        change.expect(200);
    }
    let stuck = disk.lock().unwrap();
    shop.customers
        .order("a", &[("phone", 1)])
        .problem(503, "still-writing");
    for retry in changes() {
        retry.problem(503, "still-writing");
    }
    // What shows nothing waits for nothing.
    let refused = shop
        .client
        .post("/v1/stock/phone/restock", "k", &json!({"units": 2}));
    refused.problem(422, "other-request");
    drop(stuck);
    for retry in changes() {
        assert!(retry.is_replayed());
        let shown = retry.expect(200);
        assert_eq!(
            (&shown["available"], &shown["on_hand"]),
            (&json!(10), &json!(11))
        );
    }
}

/// A scrape and the page are answered though the disk stands still, with what it has.
#[test]
fn figures_of_the_sale_are_durable() {
    let (disk, setting) = Slow::at(Duration::from_millis(500));
    let shop = Server::set(&[("phone", 10)], setting);
    let shown = || {
        let began = Instant::now();
        let (page, health) = (shop.client.get("/v1/overview"), shop.client.get("/livez"));
        assert!(began.elapsed() < Duration::from_secs(10), "it waits");
        [page, health].map(|reply| {
            let figures = reply.expect(200);
            let figure = |name: &str| figures[name].as_u64().unwrap();
            (figure("orders"), figure("skus"))
        })
    };
    assert_eq!(shown(), [(0, 1); 2]);
    shop.customers.order("a", &[("phone", 1)]).expect(201);
    assert_eq!(shown(), [(1, 1); 2]);
    let stuck = disk.lock().unwrap();
    let order = shop.customers.order("b", &[("phone", 1)]);
    order.problem(503, "still-writing");
    let open = shop.client.send("PUT", "/v1/stock/case", &[], "");
    open.problem(503, "still-writing");
    assert_eq!(shop.alone.book.orders(), 2, "memory is ahead");
    assert_eq!(shown(), [(1, 1); 2]);
    drop(stuck);
    wait_for(|| shown() == [(2, 2); 2]);
}

#[test]
fn chosen_skus_have_figures_in_the_metrics() {
    let service = Process::start(&["--metrics-skus", "phone,none"]);
    service.customers.order("a", &[("phone", 3)]).expect(201);
    let metrics = service.client.get("/metrics").text;
    for series in [
        "segstock_sku_units{sku=\"phone\",state=\"available\"} 997",
        "segstock_sku_units{sku=\"phone\",state=\"held\"} 3",
    ] {
        assert!(metrics.lines().any(|line| line == series), "{metrics}");
    }
    assert!(!metrics.contains("sku=\"case\"") && !metrics.contains("sku=\"none\""));
}

#[test]
fn what_happened_is_counted_once_it_is_durable() {
    let service = Process::start(&["--hold", "0.3"]);
    let body = json!({"lines": [{"sku": "phone", "units": 1}]});
    service.customers.post("/v1/orders", "a", &body).expect(201);
    service.customers.post("/v1/orders", "b", &body).expect(201);
    service.client.deed("pay", "a").expect(200);
    let began = Instant::now();
    let wanted = ["placed\"} 2", "paid\"} 1", "expired\"} 1"];
    let wanted = wanted.map(|it| format!("segstock_events_total{{event=\"{it}\n"));
    loop {
        let metrics = service.client.get("/metrics").text;
        if wanted.iter().all(|line| metrics.contains(line)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{metrics}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// With 64 descriptors, as some containers have, a hundred clients that never finish their headers.
#[cfg(target_os = "linux")]
#[test]
fn with_few_descriptors_the_shop_and_the_ledger_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_segstock-service");
    let mut limited = std::process::Command::new("sh");
    limited
        .env_clear()
        .stderr(Stdio::null())
        .current_dir(directory.path())
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", program])
        .args(PORTS)
        .args(["--header-timeout", "1"]);
    let service = Process::spawn(&mut limited);
    let customers = (0..100).map(|_| service.customers.address);
    let shop = (0..30).map(|_| service.client.address);
    let begun: Vec<_> = customers
        .chain(shop)
        .map(|address| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /livez HTTP/1.1\r\nho").unwrap();
            stream
        })
        .collect();
    // The shop has descriptors of its own, and so has the ledger.
    service.client.open("cable", 5);
    assert_eq!(service.client.stock("cable"), (5, 5));
    // The hundred are timed out, and customers are served again.
    service.customers.order("a", &[("cable", 1)]).expect(201);
    drop(begun);
    // No connection was begun that there was no descriptor for.
    let metrics = service.client.get("/metrics").text;
    for listener in ["customers", "shop"] {
        let none = format!("segstock_accept_errors_total{{listener=\"{listener}\"}} 0\n");
        assert!(metrics.contains(&none), "{metrics}");
    }
}

/// A ledger in which this many orders are held.
#[cfg(unix)]
fn ledger_of(orders: usize, file: &Path) {
    let ledger = SqliteLedger::at(file);
    let Recovered { book, writer, .. } = Book::builder().recover(ledger).unwrap();
    book.open("many".to_owned(), 1_000_000).unwrap();
    for number in 0..orders {
        let id = format!("old-{number}");
        let lines = || [("many".to_owned(), 1)];
        let hour = Duration::from_secs(3_600);
        while let Err(busy) = writer
            .decide(|| book.place(&id, None, lines(), hour))
            .answer
        {
            assert_eq!(busy, Refusal::Busy);
            let last = writer.status().appended;
            Journal::<Sku>::wait(&*writer, last).unwrap();
        }
    }
    writer.close();
}

/// How long it takes to end, asked to while customers order; SIGHUP did not end it before.
#[cfg(unix)]
fn stopped_with(orders: usize) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    ledger_of(orders, &directory.path().join("segstock.db"));
    let service = Process::spawn(command(PORTS).current_dir(directory.path()));
    let client = service.client.clone();
    let known = || client.get("/livez").json()["orders"].as_u64();
    assert_eq!(known(), Some(orders as u64));
    let orders_until_refused = |client: Client, customer: usize| {
        let ordered = |number: &usize| {
            let order = client.try_order(&format!("{customer}-{number}"), &[("many", 1)]);
            order.is_ok_and(|order| order.status == 201)
        };
        (0..).take_while(ordered).count()
    };
    let customers = service.customers.clone();
    let took = thread::scope(|scope| {
        let sales: Vec<_> = (0..8)
            .map(|customer| {
                let client = customers.clone();
                scope.spawn(move || orders_until_refused(client, customer))
            })
            .collect();
        let some_more = |than: u64| wait_for(|| known() > Some(than + 50));
        some_more(orders as u64);
        service.signal("-HUP");
        some_more(known().unwrap());
        let began = Instant::now();
        assert_eq!(service.terminate(), Some(0));
        let took = began.elapsed();
        let placed: usize = sales.into_iter().map(|sale| sale.join().unwrap()).sum();
        assert!(placed > 100, "{placed}");
        took
    });
    let service = Process::spawn(command(PORTS).current_dir(directory.path()));
    let found = service.client.get("/livez").json()["orders"].as_u64();
    assert!(found > Some(orders as u64 + 100), "{found:?}");
    took
}

#[cfg(unix)]
#[test]
fn with_many_orders_it_stops_under_load_as_soon_as_with_few() {
    let (few, many) = (stopped_with(100), stopped_with(300_000));
    assert!(many < few + Duration::from_secs(2), "{few:?}, {many:?}");
    assert!(few < Duration::from_secs(5), "{few:?}");
}

/// What is answered on a connection that stays.
#[cfg(target_os = "linux")]
fn asked_again(mut stream: &TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut size = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        match line.strip_prefix("content-length: ") {
            Some(number) => size = number.trim_end().parse().unwrap(),
            None if line == "\r\n" => break,
            None => {}
        }
    }
    let mut body = vec![0; size];
    answer.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Connections that the system cannot open are counted and logged, and opened once it can.
#[cfg(target_os = "linux")]
#[test]
fn connections_for_which_there_is_no_descriptor_are_counted_and_logged() {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let mut command = command(&WITHOUT_LEDGER);
    let mut service = Process::spawn(command.stderr(Stdio::piped()));
    let stderr = service.stderr();
    let pid = service.id();
    // A connection that stays.
    let shop = TcpStream::connect(service.client.address).unwrap();
    let errors = || {
        let metrics = asked_again(&shop, "/metrics");
        let errors = |listener| {
            let series = format!("segstock_accept_errors_total{{listener=\"{listener}\"}} ");
            let found = metrics.lines().find_map(|line| line.strip_prefix(&series));
            found.unwrap().parse::<usize>().unwrap()
        };
        [errors("customers"), errors("shop")]
    };
    assert_eq!(errors(), [0, 0]);
    // The lowest number that is free: the next descriptor would have it.
    let is_open = |number: &u64| Path::new(&format!("/proc/{pid}/fd/{number}")).exists();
    let open = (0..).take_while(is_open).count();
    let limit = |current| {
        let process = Pid::from_raw(pid.cast_signed());
        let maximum = getrlimit(Resource::Nofile).maximum;
        prlimit(process, Resource::Nofile, Rlimit { current, maximum }).unwrap()
    };
    let before = limit(Some(open as u64));
    let mut waits = TcpStream::connect(service.customers.address).unwrap();
    waits
        .write_all(b"GET /livez HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")
        .unwrap();
    wait_for(|| errors()[0] >= 2);
    limit(before.current);
    let mut answer = String::new();
    waits.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let [customers, of_shop] = errors();
    assert_eq!(of_shop, 0, "nobody came");
    assert_eq!(service.terminate(), Some(0));
    let lines = BufReader::new(stderr).lines().map(Result::unwrap);
    let is_about_it =
        |line: &String| line.contains("cannot open a connection: Too many open files");
    let lines: Vec<String> = lines.filter(is_about_it).collect();
    assert_eq!(lines.len(), customers, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("customers")));
}

/// A ledger whose disk is full after some entries.
pub struct Full(pub usize);

impl Ledger<Sku> for Full {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        Ledger::<Sku>::open(&mut Nowhere)
    }

    fn load(&mut self, _: Position, _: usize) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
        Ok(Vec::new())
    }

    fn write(&mut self, batch: &Batch<Sku>) -> Result<(), WriteError> {
        self.0 = self.0.checked_sub(batch.entries.len()).ok_or_else(full)?;
        Ok(())
    }

    fn ask(&mut self, _: u64, _: u64) -> Result<Standing, LedgerError> {
        Ok(Standing::NotWritten)
    }
}

fn full() -> WriteError {
    let reason = segstock_orders::ledger::LedgerReason::Full;
    WriteError::Dead(LedgerError::new(reason, "the disk is full"))
}

#[test]
fn once_the_disk_is_full_it_lives_and_is_not_ready_and_says_why() {
    let setting = Setting {
        ledger: Box::new(Full(2)),
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    shop.client.order("a", &[("phone", 1)]).expect(201);
    shop.client
        .order("b", &[("phone", 1)])
        .problem(503, "outcome-unknown");
    shop.client
        .order("c", &[("phone", 1)])
        .problem(503, "unavailable");
    // What was answered is shown still; what is not durable is not.
    assert_eq!(shop.client.get("/v1/orders/a").expect(200)["state"], "held");
    shop.client
        .get("/v1/orders/b")
        .problem(503, "outcome-unknown");
    let ready = shop.client.get("/readyz").problem(503, "unavailable");
    assert!(
        ready["detail"]
            .as_str()
            .unwrap()
            .contains("the disk is full"),
        "{ready}"
    );
    let live = shop.client.get("/livez").expect(200);
    assert_eq!(live["ledger"]["failed"], "the disk is full");
    let refused = shop.client.send(
        "POST",
        "/v1/stock/phone/restock",
        &[JSON, key("k")],
        r#"{"units":1}"#,
    );
    refused.problem(503, "unavailable");
}

/// A disk on which the ledger's file can grow no further: the system refuses its writes.
#[cfg(target_os = "linux")]
#[test]
fn once_the_file_of_the_ledger_cannot_grow_it_says_so_and_nothing_that_was_answered_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_segstock-service");
    let mut limited = std::process::Command::new("sh");
    limited
        .env_clear()
        .stderr(Stdio::null())
        .current_dir(directory.path())
        // Blocks of 512 bytes, or of 1,024 in some shells. The signal would end the process.
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 400 && exec \"$0\" \"$@\"",
            program,
        ])
        .args(PORTS);
    let service = Process::spawn(&mut limited);
    service.client.open("many", 1_000_000);
    let (mut held, mut refused) = (Vec::new(), None);
    for number in 0..20_000 {
        let id = format!("a-long-id-that-fills-the-file-{number:0>100}");
        let answer = service.customers.order(&id, &[("many", 1)]);
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
        held.push(id);
        if number == 9 {
            let metrics = service.client.get("/metrics").text;
            assert!(metrics.contains("segstock_orders 10\n"), "{metrics}");
        }
    }
    let refused = refused.expect("the file cannot grow for ever");
    refused.problem(503, "outcome-unknown");
    service
        .customers
        .order("one-more", &[("many", 1)])
        .problem(503, "unavailable");
    let ready = service.client.get("/readyz").problem(503, "unavailable");
    assert!(
        ready["detail"].as_str().unwrap().contains("segstock.db"),
        "{ready}"
    );
    service.client.get("/livez").expect(200);
    let metrics = service.client.get("/metrics").text;
    assert!(metrics.contains("segstock_ledger_failed 1\n"), "{metrics}");
    // It shows no order that it may have lost.
    let orders = metrics
        .lines()
        .find_map(|line| line.strip_prefix("segstock_orders "));
    let orders: usize = orders.unwrap().parse().unwrap();
    assert!((10..=held.len()).contains(&orders), "{orders}");
    service.kill();
    // With room again, it goes on.
    let service = Process::spawn(command(PORTS).current_dir(directory.path()));
    for id in &held {
        let order = service.customers.get(&format!("/v1/orders/{id}"));
        assert_eq!(order.expect(200)["state"], "held");
    }
    service
        .customers
        .order("one-more", &[("many", 1)])
        .expect(201);
}

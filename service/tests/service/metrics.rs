//! Each figure of the metrics changes with what it says, and with nothing else.

use crate::support::figures::{Figures, wait_for_figures};
use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, JSON, key};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// A service with a ledger in a file, which shows figures of phones.
fn start(arguments: &[&str]) -> (TempDir, Process) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(&[PORTS, &["--metrics-skus", "phone"], arguments].concat());
    let service = Process::spawn(command.current_dir(directory.path()));
    (directory, service)
}

/// What a customer or the shop does, and what it makes of series.
struct Step<'a> {
    client: &'a Client,
    before: Figures,
}

impl<'a> Step<'a> {
    fn begin(client: &'a Client) -> Self {
        let before = Figures::of(client);
        Self { client, before }
    }

    /// By how much these series grew since the step before.
    #[track_caller]
    fn grew<const N: usize>(&mut self, series: [&str; N], by: [f64; N]) {
        let now = Figures::of(self.client);
        assert_eq!(now.since(&self.before, series), by, "{series:?}");
        self.before = now;
    }
}

const LEDGER: [&str; 2] = ["ledger_durable", "ledger_batches_total"];

#[test]
fn orders_change_their_figures_and_those_of_the_ledger_once() {
    let (_directory, service) = start(&[]);
    let (customers, shop) = (&service.customers, &service.client);
    let of_ledger = |figures: &Figures| LEDGER.map(|name| figures.get(name));
    let began = Figures::of(shop);
    let health = shop.get("/livez").expect(200);
    assert_eq!(began.get("ledger_durable"), health["ledger"]["durable"]);
    let mut step = Step::begin(shop);
    assert_eq!(
        of_ledger(&step.before),
        of_ledger(&began),
        "looks write nothing"
    );

    let series = [
        "changes_total{deed=\"place\"}",
        "replayed_total{deed=\"place\"}",
        "orders",
        "order_lines",
        "ledger_durable",
        "ledger_batches_total",
        "http_requests_total{method=\"POST\",path=\"/v1/orders\",status=\"2xx\"}",
        "http_request_seconds_count{method=\"POST\",path=\"/v1/orders\"}",
    ];
    customers
        .order("a", &[("phone", 3), ("case", 1)])
        .expect(201);
    step.grew(series, [1.0, 0.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0]);
    assert!(
        customers
            .order("a", &[("phone", 3), ("case", 1)])
            .is_replayed()
    );
    step.grew(series, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let refused = [
        "refused_total{kind=\"out-of-stock\"}",
        "http_requests_total{method=\"POST\",path=\"/v1/orders\",status=\"4xx\"}",
        "changes_total{deed=\"place\"}",
        "ledger_durable",
    ];
    let more = customers.order("b", &[("phone", 5_000)]);
    more.problem(409, "out-of-stock");
    step.grew(refused, [1.0, 1.0, 0.0, 0.0]);
    let seconds = "http_request_seconds_sum{method=\"POST\",path=\"/v1/orders\"}";
    let took = step.before.get(seconds);
    assert!(took > 0.0 && took < 20.0, "{took}");

    // A list is one batch of many changes.
    let list = "sku,units\ncase,2\nlast-one,3\n";
    let headers = [("content-type", "text/csv"), key("list")];
    shop.send("POST", "/v1/bulk/stock?do=restock", &headers, list)
        .expect(200);
    step.grew(LEDGER, [2.0, 1.0]);

    // Of a SKU, unit by unit.
    let units = ["available", "held", "paid", "on_hand", "owed"];
    let units = units.map(|state| format!("sku_units{{sku=\"phone\",state=\"{state}\"}}"));
    let units = units.each_ref().map(String::as_str);
    shop.deed("pay", "a").expect(200);
    step.grew(units, [0.0, -3.0, 3.0, 0.0, 0.0]);
    shop.deed("ship", "a").expect(200);
    step.grew(units, [0.0, 0.0, -3.0, -3.0, 0.0]);
    customers.order("c", &[("phone", 700)]).expect(201);
    step.grew(units, [-700.0, 700.0, 0.0, 0.0, 0.0]);
    let keys = ["keys", "changes_total{deed=\"count\"}", "ledger_durable"];
    let found = json!({"units": 690});
    shop.post("/v1/stock/phone/count", "night", &found)
        .expect(200);
    let before = step.before.since(&began, keys);
    step.grew(units, [-297.0, 0.0, 0.0, -307.0, 10.0]);
    let counted = step.before.since(&began, keys);
    assert_eq!((before[0], counted[0], counted[1]), (2.0, 3.0, 1.0));
    assert_eq!(counted[2] - before[2], 1.0, "one change");
}

/// The time since the last change became durable grows until the next one does.
#[test]
fn the_age_of_the_ledger_begins_again_with_each_change() {
    let (_directory, service) = start(&[]);
    let age = |figures: &Figures| figures.get("ledger_age_seconds");
    let old = wait_for_figures(&service.client, |figures| age(figures) > 1.0);
    assert!(age(&old) < 10.0, "{old:?}");
    // What changes nothing leaves it as it is.
    let none = [("phone", 5_000)];
    service
        .customers
        .order("none", &none)
        .problem(409, "out-of-stock");
    let older = wait_for_figures(&service.client, |figures| age(figures) > age(&old) + 0.5);
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let young = wait_for_figures(&service.client, |figures| age(figures) < age(&older));
    assert!(age(&young) < 0.5, "{young:?}");
    for name in ["ledger_on_the_way", "ledger_lag_seconds", "ledger_failed"] {
        assert_eq!(young.get(name), 0.0, "{name}");
    }
}

#[test]
fn orders_that_are_kept_for_returns_alone_are_counted() {
    let (_directory, service) = start(&["--retention", "0.3"]);
    let client = &service.client;
    for id in ["shipped", "cancelled"] {
        service.customers.order(id, &[("phone", 1)]).expect(201);
    }
    for deed in ["pay", "ship"] {
        client.deed(deed, "shipped").expect(200);
    }
    assert_eq!(Figures::of(client).get("orders_returnable"), 0.0);
    client.deed("cancel", "cancelled").expect(200);
    let kept = wait_for_figures(client, |figures| figures.get("orders_returnable") == 1.0);
    wait_for_figures(client, |figures| figures.get("orders") == 1.0);
    assert_eq!(kept.get("orders_returnable_limit"), 250_000.0);
    client.deed("return", "shipped").expect(200);
    wait_for_figures(client, |figures| figures.get("orders_returnable") == 0.0);
}

/// Who breaks off or does not speak HTTP is counted at the listener that they came to; who asks and goes is not.
#[test]
fn connections_that_fail_are_counted_by_their_listener() {
    let service = Process::start(&["--header-timeout", "0.5"]);
    let failed = |figures: &Figures| {
        let of = |listener| {
            figures.get(&format!(
                "connections_failed_total{{listener=\"{listener}\"}}"
            ))
        };
        [of("customers"), of("shop")]
    };
    let client = &service.client;
    assert_eq!(failed(&Figures::of(client)), [0.0; 2]);
    service.customers.get("/livez").expect(200);
    let send = |client: &Client, text: &str| {
        let mut stream = TcpStream::connect(client.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    drop(send(&service.customers, "this is no HTTP\r\n\r\n"));
    wait_for_figures(client, |figures| failed(figures) == [1.0, 0.0]);
    let broken = send(client, "POST /v1/orders HTTP/1.1\r\nhost: shop\r\n");
    wait_for_figures(client, |figures| failed(figures) == [1.0, 1.0]);
    drop(broken);
}

/// Memory, descriptors and time are those of this process.
#[cfg(target_os = "linux")]
#[test]
fn figures_of_the_process_are_what_the_system_says() {
    let service = Process::start(&[]);
    let client = &service.client;
    let before = Figures::of(client);
    let files = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", service.id()));
        open.unwrap().count() as f64
    };
    let streams = [(); 20].map(|()| TcpStream::connect(service.customers.address).unwrap());
    let connected = "connections{listener=\"customers\"}";
    let after = wait_for_figures(client, |figures| figures.get(connected) == 20.0);
    let open = after.get("process_open_fds");
    // That of the look before may not be closed yet.
    let [more] = after.since(&before, ["process_open_fds"]);
    assert!((19.0..=21.0).contains(&more), "{more}");
    assert!((open - files()).abs() <= 2.0, "{open}, {}", files());
    drop(streams);
    wait_for_figures(client, |figures| {
        figures.get("process_open_fds") <= open - 19.0
    });
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.id())).unwrap();
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let limit = limit.unwrap().split_whitespace().next().unwrap();
    assert_eq!(after.get("process_max_fds").to_string(), limit);
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let of_status = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        let number = found.unwrap().split_whitespace().next().unwrap();
        number.parse::<f64>().unwrap()
    };
    let shown = Figures::of(client);
    for (name, of_system) in [("resident", "VmRSS:"), ("virtual", "VmSize:")] {
        let share = shown.get(&format!("process_{name}_memory_bytes")) / of_status(of_system);
        assert!((512.0..2_048.0).contains(&share), "{name}: {share}");
    }
    let threads = shown.get("process_threads");
    assert!((threads - of_status("Threads:")).abs() <= 2.0, "{threads}");
    // It works, and its time goes on.
    for number in 0..300 {
        let id = format!("order-{number}");
        service.customers.order(&id, &[("case", 1)]).expect(201);
    }
    wait_for_figures(client, |figures| {
        figures.since(&before, ["process_cpu_seconds_total"]) > [0.0]
    });
}

/// A metric that comes new has to move here, or to be named with the test that moves it.
#[test]
fn no_figure_stays_as_it_is_whatever_happens() {
    /// Moved by tests of their own.
    const ELSEWHERE: [&str; 5] = [
        "segstock_accept_errors_total",
        "segstock_backups_total",
        "segstock_ledger_failed",
        // While the disk stands still.
        "segstock_ledger_lag_seconds",
        "segstock_ledger_on_the_way",
    ];
    let (_directory, service) = start(&["--retention", "0.3"]);
    let (customers, client) = (&service.customers, &service.client);
    let before = Figures::of(client);
    let limits = json!({"per_customer": 500}).to_string();
    client
        .send("PUT", "/v1/stock/phone/limits", &[JSON], &limits)
        .expect(200);
    let ordered = |id: &str| {
        let body = json!({"lines": [{"sku": "phone", "units": 1}], "customer": "ann"});
        customers.post("/v1/orders", id, &body)
    };
    for id in ["shipped", "held", "held"] {
        ordered(id);
    }
    for deed in ["pay", "ship"] {
        client.deed(deed, "shipped").expect(200);
    }
    client.open("south", 1);
    let send = json!({"to": "south", "units": 1});
    client
        .post("/v1/stock/case/send", "lorry", &send)
        .expect(200);
    customers
        .order("none", &[("case", 50_000)])
        .problem(409, "out-of-stock");
    let mut broken = TcpStream::connect(customers.address).unwrap();
    broken.write_all(b"this is no HTTP\r\n\r\n").unwrap();
    let open = TcpStream::connect(customers.address).unwrap();
    let mut half = TcpStream::connect(client.address).unwrap();
    let head =
        "POST /v1/bulk/stock?do=restock HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n";
    let rest = "Idempotency-Key: half\r\nContent-Length: 5000\r\n\r\nsku,units\n";
    half.write_all(format!("{head}{rest}").as_bytes()).unwrap();
    // The system's own figures have their test.
    let stays = |name: &str| {
        let of_system = name.starts_with("segstock_process_");
        of_system || name.ends_with("_limit") || ELSEWHERE.contains(&name)
    };
    let mut moved = BTreeSet::new();
    // Some keys and orders are forgotten by the next look.
    for number in 0..200 {
        let (units, key) = (json!({"units": 1}), format!("key-{number}"));
        client
            .post("/v1/stock/south/restock", &key, &units)
            .expect(200);
        let now = Figures::of(client);
        moved.extend(now.changed(&before).into_iter().map(str::to_owned));
        let still = now.names().into_iter().map(str::to_owned);
        let still: BTreeSet<String> = still.filter(|name| !stays(name)).collect();
        let still: Vec<_> = still.difference(&moved).collect();
        if still.is_empty() {
            break;
        }
        assert!(number < 199, "{still:?}");
        thread::sleep(Duration::from_millis(50));
    }
    drop((open, half));
    // All series were there from the start.
    assert_eq!(Figures::of(client).series(), before.series());
}

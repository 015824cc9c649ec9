//! The command line: what it starts with, the one line of what it refuses, signals.

use crate::support::process::{PORTS, Process, WITHOUT_LEDGER, command, refusal};
use crate::support::{Client, JSON, key};
use clap::CommandFactory;
use segstock_service::config::Arguments;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Refused with exit code 2 and one line that says all of `what`.
#[track_caller]
fn assert_refused(arguments: &[&str], what: &[&str]) {
    let (code, complaint) = refusal(arguments);
    assert_eq!(code, Some(2), "{complaint}");
    assert_eq!(complaint.trim().lines().count(), 1, "{complaint}");
    for what in what {
        assert!(complaint.contains(what), "{what:?} in {complaint}");
    }
}

#[test]
fn starts_with_demo_skus() {
    let service = Process::start(&[]);
    assert_eq!(service.client.stock("phone"), (1_000, 1_000));
    assert_eq!(service.client.stock("last-one"), (1, 1));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let without = Process::start(&["--demo", "false"]);
    assert_eq!(
        without.client.get("/v1/stock").expect(200)["stock"],
        json!([])
    );
}

#[test]
fn arguments_outweigh_the_environment_and_that_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("service.toml");
    let text = "listen = '127.0.0.1:1'\nmax_lines = 1\nhold = 1.5\nlog = 'error'\n[stock]\nx = 5\ny = 5\nz = 5\n";
    fs::write(&config, text).unwrap();
    let service = Process::spawn(
        command(&WITHOUT_LEDGER)
            .env("SEGSTOCK_CONFIG", &config)
            .env("SEGSTOCK_LISTEN", "127.0.0.1:2")
            .env("SEGSTOCK_MAX_LINES", "2"),
    );
    let client = &service.client;
    assert_eq!(client.stock("x"), (5, 5));
    client.get("/v1/stock/phone").problem(404, "unknown-sku");
    client.order("a", &[("x", 1), ("y", 1)]).expect(201);
    let three = client.order("b", &[("x", 1), ("y", 1), ("z", 1)]);
    three.problem(422, "invalid-request");
    let body = r#"{"lines":[{"sku":"x","units":1}]}"#;
    let held = client.send("POST", "/v1/orders", &[JSON, key("c")], body);
    assert_eq!(held.expect(201)["expires_in"], 2, "1.5 s, rounded up");
}

#[test]
fn addresses_may_be_names_and_ports_alone() {
    let service = Process::spawn(&mut command(&[
        "--listen",
        ":0",
        "--shop-listen",
        "localhost:0",
        "--ledger",
        "none",
    ]));
    assert!(service.customers.address.ip().is_loopback());
    let ready = service.customers.get("/readyz").expect(200);
    assert_eq!(
        ready.to_string(),
        r#"{"status":"ok"}"#,
        "no figures of the shop"
    );
    // All addresses of the machine, if it has those.
    if TcpListener::bind("[::1]:0").is_ok() {
        for host in ["127.0.0.1", "[::1]"] {
            let port = service.customers.address.port();
            let at = format!("{host}:{port}").parse().unwrap();
            Client::new(at).get("/readyz").expect(200);
        }
    }
    service.client.get("/readyz").expect(200);
}

#[test]
fn a_shop_that_everybody_could_reach_needs_a_token() {
    let mut open = WITHOUT_LEDGER;
    open[3] = "0.0.0.0:0";
    assert_refused(&open, &["not on loopback", "SEGSTOCK_TOKEN"]);
    let short = [&open[..], &["--token", "short"]].concat();
    assert_refused(&short, &["--token"]);
    let service = Process::spawn(command(&open).env("SEGSTOCK_TOKEN", "0123456789abcdef"));
    service.client.get("/metrics").problem(401, "no-token");
    let header = [("authorization", "Bearer 0123456789abcdef")];
    assert_eq!(
        service.client.send("GET", "/metrics", &header, "").status,
        200
    );
}

#[test]
fn a_node_needs_a_database_and_a_name() {
    let database = [PORTS, &["--ledger", "postgres://shop@nowhere/shop"]].concat();
    let with = |more: &[&'static str]| [PORTS, more].concat();
    assert_refused(&with(&["--node", "one"]), &["--node", "postgres://"]);
    let without = with(&["--node", "one", "--ledger", "none"]);
    assert_refused(&without, &["--node", "none"]);
    for name in ["", "one two", "a/b", &*"x".repeat(65)] {
        let named = [&database[..], &["--node", name]].concat();
        assert_refused(&named, &["--node", "1 to 64 letters"]);
    }
    let at_once = [&database[..], &["--node", "one", "--ships-at-once"]].concat();
    assert_refused(&at_once, &["--ships-at-once", "--node"]);
    let snapshot = [&database[..], &["--node", "one", "--snapshot", "x"]].concat();
    assert_refused(&snapshot, &["--snapshot", "--node"]);
    assert_refused(
        &with(&["--move-from", "sqlite:x"]),
        &["--move-from", "--node"],
    );
    let nothing = [&database[..], &["--node", "one", "--move-from", "none"]].concat();
    assert_refused(&nothing, &["--move-from", "none"]);
    let secret = [
        &database[..],
        &["--node", "one", "--move-from", "postgres:secret"],
    ]
    .concat();
    let (code, line) = refusal(&secret);
    assert!(
        code == Some(2) && line.contains("--move-from") && !line.contains("secret"),
        "{line}"
    );
}

/// A service whose database is not there, and the first line of its log.
fn without_database(more: &[&str]) -> (Child, BufReader<ChildStderr>, String) {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let url = format!("postgres://shop:secret@{}/shop", port.unwrap());
    let arguments = [PORTS, &["--ledger", &url], more].concat();
    let mut child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let began = Instant::now();
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    let at_once = began.elapsed() < Duration::from_secs(4);
    assert!(
        at_once && said.contains("waiting for the database"),
        "{said}"
    );
    assert!(
        said.contains("/shop: ") && !said.contains("secret"),
        "{said}"
    );
    (child, stderr, said)
}

#[test]
fn a_start_waits_for_its_database_and_says_so_at_once() {
    for node in [&[][..], &["--node", "one"]] {
        let more = [node, &["--wait-for-database", "1.5"]].concat();
        let (mut child, mut stderr, _) = without_database(&more);
        let mut end = String::new();
        stderr.read_to_string(&mut end).unwrap();
        // It may be there the next time: whoever starts services may start it again.
        assert_eq!(child.wait().unwrap().code(), Some(1), "{end}");
        assert_eq!(end.lines().count(), 1, "{end}");
        assert!(end.contains("did not answer within 1.5 s"), "{end}");
        assert!(!end.contains("secret"), "{end}");
    }
}

#[cfg(unix)]
#[test]
fn a_start_that_waits_is_told_to_stop() {
    for node in [&[][..], &["--node", "one"]] {
        let (mut child, _stderr, _) = without_database(node);
        let began = Instant::now();
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn the_help_says_what_is_so_when_nobody_sets_it() {
    let said = Arguments::command().get_matches_from(["segstock-service"]);
    let config = Arguments::resolve(&said).unwrap();
    let limits = &config.limits;
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let real = [
        ("listen", config.listen.to_string()),
        ("shop_listen", config.shop_listen.to_string()),
        ("token", config.token.map_or("none", |_| "some").to_owned()),
        ("ledger", config.ledger.to_string()),
        ("wait_for_database", seconds(config.wait_for_database)),
        ("hold", seconds(limits.hold)),
        ("longest_hold", seconds(limits.longest_hold)),
        (
            "snapshot",
            config.snapshot.map_or("none", |_| "some").to_owned(),
        ),
        (
            "keep_backups",
            config.keep_backups.map_or("all", |_| "some").to_owned(),
        ),
        ("retention", seconds(config.retention)),
        ("returns", seconds(config.returns)),
        ("max_returnable", config.max_returnable.to_string()),
        ("ships_at_once", config.ships_at_once.to_string()),
        ("max_lines", config.max_lines.to_string()),
        ("max_units", config.max_units.to_string()),
        ("unpaid", config.unpaid.to_string()),
        ("max_all_lines", config.max_all_lines.to_string()),
        ("max_keys", config.max_keys.to_string()),
        ("max_orders", config.max_orders.to_string()),
        ("max_skus", limits.skus.to_string()),
        ("max_customers", config.max_customers.to_string()),
        (
            "customer_header",
            config.customer_header.map_or("none", |_| "some").to_owned(),
        ),
        (
            "move_from",
            config.move_from.map_or("none", |_| "some").to_owned(),
        ),
        ("node", config.node.map_or("none", |_| "some").to_owned()),
        ("events", config.events.to_string()),
        (
            "metrics_skus",
            if config.metrics_skus.is_empty() {
                "none"
            } else {
                "some"
            }
            .to_owned(),
        ),
        ("max_body", limits.body.to_string()),
        ("max_list", limits.list.to_string()),
        ("max_connections", config.max_connections.to_string()),
        ("header_timeout", seconds(config.header_timeout)),
        ("answer_timeout", seconds(config.answer_timeout)),
        ("request_timeout", seconds(limits.request)),
        ("drain", seconds(config.drain)),
        ("log", config.log.to_string()),
        ("demo", config.demo.to_string()),
    ];
    let real = real.map(|(name, value)| (name.to_owned(), value));
    let said = Arguments::command();
    let said = said.get_arguments().filter_map(|argument| {
        let help = argument.get_help()?.to_string();
        let (_, value) = help.split_once("[default: ")?;
        let (value, _) = value.split_once(']')?;
        Some((argument.get_id().to_string(), value.to_owned()))
    });
    assert_eq!(said.collect::<BTreeMap<_, _>>(), real.into());
}

#[test]
fn mistakes_are_named() {
    assert_refused(&["--retention", "0"], &["--retention", "seconds"]);
    assert_refused(&["--hold", "1e10"], &["--hold", "seconds"]);
    assert_refused(
        &["--listen", "nowhere"],
        &["--listen", "nowhere", "HOST:PORT"],
    );
    assert_refused(&["--log", "loud"], &["--log", "loud"]);
    assert_refused(&["--customer-header", "a b"], &["--customer-header", "a b"]);
    for header in ["Host", "Idempotency-Key", "authorization", "Traceparent"] {
        assert_refused(
            &["--customer-header", header],
            &["--customer-header", header],
        );
    }
    for skus in ["", ",,", "phone, "] {
        let option = format!("--metrics-skus={skus}");
        assert_refused(&[&option], &["--metrics-skus", "a SKU has 1 to 64"]);
    }
    let holds = ["--hold", "100", "--longest-hold", "10"];
    assert_refused(&holds, &["--hold is longer than --longest-hold"]);
    assert_refused(&["--keep-backups", "0"], &["--keep-backups", "zero"]);
    for number in ["abc", "-1", "1e9", ""] {
        let option = format!("--max-orders={number}");
        assert_refused(&[&option], &["--max-orders", "whole number from 0 on"]);
    }
    let large = "--max-orders=18446744073709551616";
    assert_refused(&[large], &["--max-orders", "too large"]);
    assert_refused(&["--unpaid", "80%"], &["--unpaid", "1 to 100 percent"]);
    assert_refused(&["--hold", "1h"], &["--hold", "number of seconds"]);
    assert_refused(&["--drain", ""], &["--drain", "number of seconds"]);
    assert_refused(&["--demo", "yes"], &["--demo", "true, false"]);
    let root = ["--ledger", "sqlite://segstock-nowhere.db"];
    assert_refused(&root, &["--ledger", "sqlite:FILE, without //"]);
    assert_refused(&["--bogus"], &["--bogus"]);
    assert_refused(&["--ledger", "shop.db"], &["--ledger", "sqlite:FILE"]);
    assert_refused(&["--config", "/no/such.toml"], &["/no/such.toml"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(&["--listen", &address], &["cannot listen", &address]);
}

#[test]
fn limits_with_which_nothing_could_be_ordered_are_refused() {
    for limit in [
        "lines",
        "units",
        "orders",
        "all-lines",
        "skus",
        "body",
        "connections",
    ] {
        let option = format!("--max-{limit}");
        let arguments = [&WITHOUT_LEDGER[..], &[&option, "0"]].concat();
        assert_refused(&arguments, &[&option, "nothing could be ordered"]);
    }
}

#[test]
fn what_is_secret_is_not_repeated() {
    for (variable, value) in [
        ("SEGSTOCK_TOKEN", "the-secret-of-the-shop "),
        ("SEGSTOCK_TOKEN", "the-secret-of-the-shop\n"),
        ("SEGSTOCK_LEDGER", "postgres:shop:secret@db/shop"),
        ("SEGSTOCK_LEDGER", "Postgres://shop:secret@db/shop"),
        ("SEGSTOCK_LEDGER", "host=db password=secret"),
    ] {
        let mut command = command(&WITHOUT_LEDGER[..4]);
        let output = command.env(variable, value).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let option = variable.replace("SEGSTOCK_", "--").to_lowercase();
        assert!(said.contains(&option), "{said}");
    }
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("service.toml");
    let named = ["--config", config.to_str().unwrap()];
    let arguments = [&WITHOUT_LEDGER[..], &named].concat();
    for (text, what) in [
        ("max_liens = 1", "max_liens"),
        ("hold = -1", "-1"),
        ("log = 'loud'", "cannot read"),
        (
            "hold = 5\n[stock]\nx = -1",
            "line 3: invalid value: integer `-1`",
        ),
        ("[stock]\nx = 1099511627777", "SKU \"x\""),
        ("[stock]\n\"a\\nb\" = 1", "SKU"),
        ("[stock]\n\"..\" = 1", "SKU \"..\""),
        ("[stock]\n\" \" = 1", "SKU \" \""),
        ("max_orders = 'many'", "expected a whole number from 0 on"),
        ("max_units = -1", "expected a whole number from 0 on"),
        ("keep_backups = 0", "expected a whole number from 1 on"),
        ("retention = 'long'", "expected a number"),
        ("max_lines = ", "cannot read"),
        ("token = 'short'", "token"),
        ("idle = true", "idle"),
    ] {
        fs::write(&config, text).unwrap();
        assert_refused(&arguments, &[what]);
    }
}

#[test]
fn a_configuration_that_cannot_be_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (config, file) = (
        directory.path().join("a.toml"),
        directory.path().join("shop.db"),
    );
    let ledger = format!("sqlite:{}", file.display());
    let named = ["--config", config.to_str().unwrap(), "--ledger", &ledger];
    for wrong in ["\"z\\u0001\" = 1", "z = 1099511627777"] {
        fs::write(&config, format!("[stock]\na = 5\n{wrong}\n")).unwrap();
        assert_refused(&[PORTS, &named].concat(), &["cannot open SKU"]);
        assert!(!file.exists(), "{wrong}");
    }
    fs::write(&config, "[stock]\na = 5\nb = 5\nc = 5\n").unwrap();
    let few = ["--max-skus", "2"];
    let refused = ["3, and --max-skus is 2"];
    assert_refused(&[PORTS, &named, &few].concat(), &refused);
    assert!(!file.exists());
    // Neither does a snapshot that is none.
    fs::write(&config, "").unwrap();
    for snapshot in ["/no/such.json", config.to_str().unwrap()] {
        let snapshot = ["--snapshot", snapshot];
        let arguments = [PORTS, &named[2..], &snapshot].concat();
        assert_refused(&arguments, &["cannot read snapshot", snapshot[1]]);
        assert!(!file.exists(), "{snapshot:?}");
    }
    // One of them is open: of the others none is opened.
    fs::write(&config, "[stock]\na = 5\n").unwrap();
    let arguments = [PORTS, &named].concat();
    drop(Process::spawn(&mut command(&arguments)));
    fs::write(&config, "[stock]\nb = 5\nc = 5\n").unwrap();
    assert_refused(&[PORTS, &named, &few].concat(), &refused);
    fs::write(&config, "[stock]\na = 5\n").unwrap();
    let service = Process::spawn(&mut command(&arguments));
    service
        .client
        .get("/v1/stock/b")
        .problem(404, "unknown-sku");
}

pub fn wait_for(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn expired_orders_give_their_units_back_by_themselves() {
    let service = Process::start(&["--hold", "0.5"]);
    let order = |client: &Client, id: &str| {
        let body = json!({"lines": [{"sku": "phone", "units": 1}]}).to_string();
        client
            .send("POST", "/v1/orders", &[JSON, key(id)], &body)
            .expect(201);
    };
    for id in ["a", "b", "c", "d"] {
        order(&service.customers, id);
    }
    // To look at the stock touches no order.
    wait_for(|| service.client.stock("phone") == (1_000, 1_000));
}

#[cfg(unix)]
#[test]
fn a_hangup_ends_nothing_and_a_term_lets_it_drain() {
    let service = Process::start(&["--drain", "1.5"]);
    service.signal("-HUP");
    thread::sleep(Duration::from_millis(100));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    service.signal("-TERM");
    // It goes on, and says that it does not want more.
    wait_for(|| service.customers.get("/readyz").status == 503);
    service.customers.get("/readyz").problem(503, "not-ready");
    service.customers.get("/livez").expect(200);
    service.customers.order("b", &[("phone", 1)]).expect(201);
    assert_eq!(service.ended(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_term_ends_the_drain() {
    let arguments = [&WITHOUT_LEDGER[..], &["--drain", "600"]].concat();
    let mut service = Process::spawn(command(&arguments).stderr(Stdio::piped()));
    let mut stderr = service.stderr();
    service.signal("-TERM");
    wait_for(|| service.customers.get("/readyz").status == 503);
    // Nothing else does.
    service.signal("-HUP");
    service.signal("-USR1");
    thread::sleep(Duration::from_millis(100));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let began = Instant::now();
    service.signal("-INT");
    assert_eq!(service.ended(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("not ready from now on"), "{said}");
    // Proxies ask each second: that is no failure.
    assert!(!said.contains("/readyz"), "{said}");
}

/// What requests are measured against: the same server, whose handlers do nothing.
#[test]
fn idle_handlers_do_nothing() {
    let service = Process::start(&["--idle"]);
    let order = service.client.order("a", &[("phone", 1)]);
    assert_eq!((order.status, &*order.text), (204, ""));
    assert_eq!(service.client.get("/v1/orders/a").status, 204);
    service.client.get("/nix").problem(404, "unknown-route");
}

#[cfg(unix)]
#[test]
fn it_stops_at_once_though_idle_connections_are_open() {
    let service = Process::start(&[]);
    let idle = std::net::TcpStream::connect(service.customers.address).unwrap();
    service.client.get("/livez").expect(200);
    let began = Instant::now();
    assert_eq!(service.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(idle);
}

#[test]
fn all_series_are_there_from_the_start_with_one_prefix() {
    let service = Process::start(&[]);
    let metrics = service.client.get("/metrics").text;
    for series in [
        "segstock_changes_total{deed=\"pay\"} 0",
        "segstock_replayed_total{deed=\"restock\"} 0",
        "segstock_refused_total{kind=\"out-of-stock\"} 0",
        "segstock_http_requests_total{method=\"POST\",path=\"/v1/orders\",status=\"5xx\"} 0",
        "segstock_connections{listener=\"customers\"} 0",
        "segstock_accept_errors_total{listener=\"shop\"} 0",
        "segstock_orders 0",
        "segstock_orders_limit 2000000",
        "segstock_order_lines 0",
        "segstock_order_lines_limit 20000000",
        "segstock_keys 0",
        "segstock_keys_limit 1000000",
        "segstock_skus 3",
        "segstock_ledger_failed 0",
        "segstock_ledger_lag_seconds 0",
        "segstock_events_total{event=\"expired\"} 0",
        "segstock_connections_limit{listener=\"shop\"} 256",
        "segstock_http_request_seconds_count{method=\"POST\",path=\"/v1/orders\"} 0",
    ] {
        assert!(
            metrics.lines().any(|line| line == series),
            "{series}:\n{metrics}"
        );
    }
    let series = metrics
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in series {
        assert!(line.starts_with("segstock_"), "{line}");
    }
    for name in ["resident_memory_bytes", "open_fds", "cpu_seconds_total"] {
        let figure = format!("segstock_process_{name} ");
        let found = metrics.lines().find_map(|line| line.strip_prefix(&figure));
        assert!(
            found.is_some_and(|it| it.parse::<f64>().unwrap() >= 0.0),
            "{figure}"
        );
    }
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let more = [("phone", 2_000)];
    service
        .customers
        .order("b", &more)
        .problem(409, "out-of-stock");
    let metrics = service.client.get("/metrics").text;
    assert!(metrics.contains("segstock_changes_total{deed=\"place\"} 1\n"));
    assert!(metrics.contains("segstock_refused_total{kind=\"out-of-stock\"} 1\n"));
}

/// What is capped has two gauges: how much there is, and the most. Each option that caps more than one request is set here.
#[test]
fn each_option_that_caps_something_has_a_gauge_and_one_of_its_limit() {
    const OF_ONE_REQUEST: [&str; 4] = ["max_lines", "max_units", "max_body", "max_list"];
    let caps = Arguments::command();
    let caps = caps.get_arguments().map(|argument| argument.get_id());
    let is_cap = |id: &str| id == "events" || id.starts_with("max_");
    let caps: Vec<String> = caps
        .map(ToString::to_string)
        .filter(|id| is_cap(id) && !OF_ONE_REQUEST.contains(&&**id))
        .collect();
    assert!(caps.len() >= 8, "{caps:?}");
    let limits: Vec<String> = (0..caps.len()).map(|cap| (101 + cap).to_string()).collect();
    let options = caps.iter().zip(&limits);
    let options: Vec<String> = options
        .map(|(cap, limit)| format!("--{}={limit}", cap.replace('_', "-")))
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let service = Process::start(&options);
    let metrics = service.client.get("/metrics").text;
    for (cap, limit) in caps.iter().zip(&limits) {
        let series = metrics.lines().filter_map(|line| {
            let (series, value) = line.split_once(' ')?;
            (value == limit && series.contains("_limit")).then_some(series)
        });
        let series: Vec<&str> = series.collect();
        assert_eq!(series.len(), 1, "{cap}: {series:?}");
        let gauge = format!("{} ", series[0].replace("_limit", ""));
        let is_there = metrics.lines().any(|line| line.starts_with(&gauge));
        assert!(is_there, "{gauge}");
    }
    // This one has no option.
    assert!(metrics.contains("segstock_sendings_limit 100000\n"));
}

#[test]
fn customers_sendings_skus_and_events_are_counted_up_and_down() {
    let service = Process::start(&["--events", "2"]);
    let client = &service.client;
    let shown = || {
        let metrics = client.get("/metrics").text;
        ["customers", "sendings", "skus", "events_kept"].map(|name| {
            let name = format!("segstock_{name} ");
            let found = metrics.lines().find_map(|line| line.strip_prefix(&name));
            found.unwrap().parse::<u64>().unwrap()
        })
    };
    let [customers, sendings, skus, _] = shown();
    assert_eq!((customers, sendings, skus), (0, 0, 3));
    let limits = json!({"per_customer": 5}).to_string();
    let path = "/v1/stock/phone/limits";
    client.send("PUT", path, &[JSON], &limits).expect(200);
    for customer in ["ann", "bob"] {
        let lines = json!([{"sku": "phone", "units": 1}]);
        let body = json!({"lines": lines, "customer": customer});
        client.post("/v1/orders", customer, &body).expect(201);
    }
    client.open("south", 1);
    let body = json!({"to": "south", "units": 5});
    let sent = client.post("/v1/stock/case/send", "lorry", &body);
    let sending = sent.expect(200)["changed"]["sending"].clone();
    assert_eq!(shown(), [2, 1, 4, 2], "of its events it keeps two");
    client.deed("cancel", "ann").expect(200);
    let body = json!({"sending": sending, "units": 5});
    client
        .post("/v1/stock/south/arrive", "came", &body)
        .expect(200);
    assert_eq!(shown(), [1, 0, 4, 2]);
}

#[test]
fn connections_are_counted() {
    let service = Process::start(&[]);
    let open = || {
        let metrics = service.client.get("/metrics").text;
        let line = "segstock_connections{listener=\"customers\"} ";
        let found = metrics.lines().find_map(|it| it.strip_prefix(line));
        found.unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(open(), 0);
    let connect = || TcpStream::connect(service.customers.address).unwrap();
    let streams = [connect(), connect()];
    wait_for(|| open() == 2);
    drop(streams);
    wait_for(|| open() == 0);
}

//! Which series the metrics have from the start, and the gauges that go up and down.

use crate::support::process::Process;
use crate::support::{JSON, wait_for};
use clap::CommandFactory;
use segstock_service::config::Arguments;
use serde_json::json;
use std::net::TcpStream;

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
        "segstock_skus_limit 1000000",
        "segstock_customers_limit 1000000",
        "segstock_list_bytes 0",
        "segstock_list_bytes_limit 37748736",
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

/// What is capped has two gauges: how much there is, and the most. Each option that caps more than one request
/// is set here; what `--max-list` caps has gauges of twice that and more, as `list_room.rs` says.
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

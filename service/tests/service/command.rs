//! The command line and the configuration: what it starts with, and the one line of what it refuses.

use crate::support::process::{PORTS, Process, WITHOUT_LEDGER, command, refusal};
use crate::support::{Client, JSON, key};
use clap::CommandFactory;
use segstock_service::config::Arguments;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

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

//! The command line: what it starts with, and the one line of what it refuses.

mod support;

use clap::{CommandFactory, Parser};
use segstock_service::config::Arguments;
use segstock_service::keeping::SnapshotFile;
use segstock_service::shop::{Opening, Shop};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::time::Duration;
use support::process::{Process, command, refusal};

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
    let service = Process::start(&["--listen", "127.0.0.1:0"]);
    assert_eq!(service.client.stock("phone"), (1_000, 0, 0));
}

#[test]
fn arguments_outweigh_the_environment_and_that_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("service.toml");
    let text = "listen = '127.0.0.1:1'\nmax_lines = 1\nhold = 1.5\nlog = 'error'\n[stock]\nx = 5\n";
    fs::write(&config, text).unwrap();
    let service = Process::spawn(
        command(&["--listen", "127.0.0.1:0"])
            .env("SEGSTOCK_CONFIG", &config)
            .env("SEGSTOCK_LISTEN", "127.0.0.1:2")
            .env("SEGSTOCK_MAX_LINES", "2"),
    );
    let client = &service.client;
    assert_eq!(client.stock("x"), (5, 0, 0));
    client.get("/stock/phone").problem(404, "unknown-sku");
    client.order("a", &[("x", 1); 2]).expect(201);
    client
        .order("b", &[("x", 1); 3])
        .problem(422, "invalid-request");
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "c"),
    ];
    let body = r#"{"lines":[{"sku":"x","units":1}]}"#;
    let held = client.send("POST", "/orders", &headers, body).expect(201);
    assert!(held["expires_in"].as_f64().unwrap() <= 1.5, "{held}");
}

#[test]
fn it_says_where_to_look_as_it_can_be_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("service.toml");
    fs::write(&config, "listen = '0.0.0.0:0'\n[stock]\nx = 5\n").unwrap();
    let service = Process::start(&["--config", config.to_str().unwrap()]);
    assert!(service.client.address.ip().is_loopback());
    service.client.get(&service.look_at).expect(200);
}

#[test]
fn who_does_not_count_is_warned() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let logged = |more: &[&str]| {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        command.args(more).stderr(File::create(&log).unwrap());
        drop(Process::spawn(&mut command));
        fs::read_to_string(&log).unwrap()
    };
    assert!(logged(&["--uncounted"]).contains("nothing is counted"));
    assert!(!logged(&[]).contains("nothing is counted"));
}

#[test]
fn the_help_says_what_is_so_when_nobody_sets_it() {
    let config = Arguments::parse_from(["segstock-service"]).resolve();
    let config = config.unwrap();
    let limits = &config.limits;
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let nowhere = || "nowhere".to_owned();
    let snapshot = config.snapshot.map(|path| path.display().to_string());
    let real = [
        ("listen", config.listen.to_string()),
        ("snapshot", snapshot.unwrap_or_else(nowhere)),
        ("snapshot_every", seconds(config.snapshot_every)),
        ("hold", seconds(limits.default_hold)),
        ("retention", seconds(config.retention)),
        ("request_timeout", seconds(limits.request)),
        ("max_body", limits.body.to_string()),
        ("max_lines", limits.lines.to_string()),
        ("log", config.log.to_string().to_lowercase()),
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
    assert_refused(&["--snapshot-every", "0"], &["--snapshot-every", "seconds"]);
    assert_refused(&["--hold", "1e10"], &["--hold", "seconds"]);
    assert_refused(&["--listen", "nowhere"], &["--listen", "nowhere"]);
    assert_refused(&["--bogus"], &["--bogus"]);
    assert_refused(&["--config", "/no/such.toml"], &["/no/such.toml"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(&["--listen", &address], &["cannot listen", &address]);
    let unwritable = [
        "--listen",
        "127.0.0.1:0",
        "--snapshot",
        "/no/such/shop.json",
    ];
    assert_refused(&unwritable, &["cannot write", "/no/such/shop.json"]);
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("service.toml");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--config",
        config.to_str().unwrap(),
    ];
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
        ("max_lines = ", "cannot read"),
        ("uncounted = true", "uncounted"),
    ] {
        fs::write(&config, text).unwrap();
        assert_refused(&arguments, &[what]);
    }
}

#[test]
fn snapshots_that_cannot_be_are_refused_and_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.json");
    let shop = Shop::new(Opening::default());
    shop.open("phone".to_owned(), 10).unwrap();
    SnapshotFile::new(path.clone()).write(&shop.keep()).unwrap();
    let good = fs::read_to_string(&path).unwrap();

    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--snapshot",
        path.to_str().unwrap(),
    ];
    let spoilt = [
        (
            good.replace("\"available\":10", "\"available\":11"),
            "SKU phone",
        ),
        (good.replace("\"version\":1", "\"version\":9"), "version 9"),
        (good[..good.len() / 2].to_owned(), "cannot read"),
        (String::new(), "cannot read"),
    ];
    for (text, what) in spoilt {
        assert_ne!(text, good);
        fs::write(&path, &text).unwrap();
        assert_refused(&arguments, &[what]);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

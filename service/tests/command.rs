//! The command line: what it starts with, and the one line of what it refuses.

mod support;

use segstock_service::keeping::SnapshotFile;
use segstock_service::shop::{Opening, Shop};
use std::fs;
use std::net::TcpListener;
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
        ("[stock]\nx = -1", "-1"),
        ("[stock]\nx = 1099511627777", "SKU \"x\""),
        ("[stock]\n\"a\\nb\" = 1", "SKU"),
        ("[stock]\n\"..\" = 1", "SKU \"..\""),
        ("max_lines = ", "cannot read"),
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

//! The files in `deploy/`: what they set is what the command takes, and the service starts with it.

use crate::support::process::{Process, WITHOUT_LEDGER, command};
use crate::support::{JSON, key, wait_for};
use clap::CommandFactory;
use segstock_service::config::Arguments;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::process::Command;
use tempfile::TempDir;

const UNIT: &str = include_str!("../../deploy/segstock.service");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const NODES: &str = include_str!("../../deploy/nodes.yaml");

type Variables = BTreeMap<String, String>;

/// The variables that `NAME=value` and `NAME: value` set in lines that are no comments.
fn variables(text: &str) -> Variables {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(|line| match line.split_once(": ") {
        Some((name, value)) => vec![(name, value)],
        None => {
            let words = line.split([' ', '=']).collect::<Vec<_>>();
            let pairs = words.windows(2).map(|pair| (pair[0], pair[1]));
            pairs.collect()
        }
    });
    let set = words.filter(|(name, _)| name.starts_with("SEGSTOCK_"));
    set.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Each of these variables is one that the command knows.
fn assert_known(set: &Variables) {
    let known = Arguments::command();
    let known: Vec<_> = known
        .get_arguments()
        .filter_map(|it| it.get_env())
        .collect();
    for name in set.keys() {
        assert!(known.iter().any(|it| *it == name.as_str()), "{name}");
    }
}

/// Starts the service with these variables, on free ports and with its ledger in a directory of the test's own.
fn starts_with(mut set: Variables, arguments: &[&str]) -> (Process, TempDir) {
    assert_known(&set);
    let directory = tempfile::tempdir().unwrap();
    for name in ["SEGSTOCK_LISTEN", "SEGSTOCK_SHOP_LISTEN"] {
        let listen = set.entry(name.to_owned()).or_insert_with(|| ":0".into());
        *listen = format!("{}:0", listen.rsplit_once(':').unwrap().0);
    }
    let ledger = set.get_mut("SEGSTOCK_LEDGER").expect("a ledger that stays");
    let file = ledger.strip_prefix("sqlite:/var/lib/segstock/").unwrap();
    *ledger = format!("sqlite:{}", directory.path().join(file).display());
    let service = Process::spawn(command(arguments).envs(&set).current_dir(&directory));
    (service, directory)
}

#[test]
fn the_unit_for_systemd_starts_the_service_with_settings_that_it_takes() {
    let setting = |name: &str| UNIT.lines().find_map(|line| line.strip_prefix(name));
    let line = setting("ExecStart=").unwrap();
    let mut words = line.split(' ');
    let program = env!("CARGO_BIN_EXE_segstock-service");
    let name = program.rsplit('/').next().unwrap();
    assert_eq!(words.next().unwrap().rsplit('/').next(), Some(name));
    assert_eq!(words.next(), Some("--config"));
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), "retention = 86400\n[stock]\nphone = 7\n").unwrap();
    let mut set = variables(setting("Environment=").unwrap());
    set.insert("SEGSTOCK_TOKEN".into(), "as-in-its-EnvironmentFile".into());
    let arguments = ["--config", config.path().to_str().unwrap()];
    let (service, _directory) = starts_with(set, &arguments);
    service.customers.order("a", &[("phone", 1)]).expect(201);
    // No restart makes a wrong setting right.
    assert_eq!(setting("RestartPreventExitStatus="), Some("2"));
    // However often it ends otherwise, it comes back.
    assert_eq!(setting("StartLimitIntervalSec="), Some("0"));
    #[cfg(unix)]
    assert_eq!(service.terminate(), Some(0));
}

#[test]
fn the_image_and_the_composition_start_the_service_with_settings_that_it_takes() {
    let mut set = variables(DOCKERFILE);
    set.extend(variables(COMPOSE));
    assert!(
        set["SEGSTOCK_TOKEN"].starts_with("${SEGSTOCK_TOKEN:?"),
        "it has to be given"
    );
    let token = "one-of-enough-characters";
    set.insert("SEGSTOCK_TOKEN".into(), token.into());
    assert_eq!(
        (
            set["SEGSTOCK_LISTEN"].as_str(),
            set["SEGSTOCK_SHOP_LISTEN"].as_str()
        ),
        (":8080", ":8081")
    );
    // What it drains, and a request's time, are over before it is killed.
    let drain: u64 = set["SEGSTOCK_DRAIN"].parse().unwrap();
    let grace = COMPOSE
        .lines()
        .find_map(|line| line.trim().strip_prefix("stop_grace_period: "));
    let grace: u64 = grace.unwrap().trim_end_matches('s').parse().unwrap();
    assert!(drain + 10 + 5 <= grace);
    let (service, _directory) = starts_with(set, &[]);
    service.client.get("/v1/stock").problem(401, "no-token");
    let header = format!("Bearer {token}");
    let shop = |method: &str, path: &str, body: &str| {
        let headers = [JSON, key("k"), ("authorization", header.as_str())];
        service.client.send(method, path, &headers, body)
    };
    // A shop has its own SKUs alone.
    let stock = shop("GET", "/v1/stock", "").expect(200);
    assert_eq!(stock["stock"], json!([]));
    shop("PUT", "/v1/stock/phone", "").expect(201);
    let units = r#"{"units":1}"#;
    shop("POST", "/v1/stock/phone/restock", units).expect(200);
    service.customers.order("a", &[("phone", 1)]).expect(201);
}

/// What docker runs in the image, with other ports.
#[cfg(unix)]
#[test]
fn the_image_is_healthy_while_the_service_wants_requests() {
    let (_, check) = DOCKERFILE.split_once("HEALTHCHECK ").unwrap();
    let check = check.replace("\\\n", "");
    let (_, check) = check.lines().next().unwrap().split_once("CMD ").unwrap();
    let words: Vec<String> = serde_json::from_str(check).unwrap();
    let more = ["--drain", "60", "--max-connections", "1"];
    let mut start = command(&[WITHOUT_LEDGER.as_slice(), &more].concat());
    let service = Process::spawn(start.env("SEGSTOCK_TOKEN", "one-of-enough-characters"));
    let port = service.client.address.port();
    let healthy_at = |listen: &str| {
        let mut check = Command::new(&words[0]);
        let ran = check.args(&words[1..]).env("SEGSTOCK_SHOP_LISTEN", listen);
        ran.output().unwrap().status.success()
    };
    // All connections that customers can have.
    let customer = TcpStream::connect(service.customers.address).unwrap();
    for address in ["", "0.0.0.0", "[::]", "localhost"] {
        assert!(healthy_at(&format!("{address}:{port}")), "{address}");
    }
    drop(customer);
    let healthy = || healthy_at(&format!(":{port}"));
    service.signal("-TERM");
    wait_for(|| !healthy());
    service.client.get("/livez").expect(200);
    service.kill();
    assert!(!healthy());
}

#[test]
fn the_composition_of_nodes_sets_what_the_command_takes() {
    let set = variables(NODES);
    assert_known(&set);
    let nodes = NODES.matches("      SEGSTOCK_NODE: ").count();
    assert_eq!(nodes, 2);
    // Else compose takes both files, which lie in one directory, for one project.
    let project = |text: &'static str| text.lines().find_map(|line| line.strip_prefix("name: "));
    assert!(project(COMPOSE).is_some() && project(NODES).is_some());
    assert_ne!(project(COMPOSE), project(NODES));
    let arguments = [
        "segstock-service",
        "--ledger",
        &set["SEGSTOCK_LEDGER"],
        "--node",
        &set["SEGSTOCK_NODE"],
    ];
    let said = Arguments::command().get_matches_from(arguments);
    Arguments::resolve(&said).unwrap();
    for listener in ["8080", "8081"] {
        let upstreams = format!("reverse_proxy one:{listener} two:{listener} {{");
        assert!(NODES.contains(&upstreams), "{upstreams}");
    }
}

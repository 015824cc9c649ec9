//! The client's own certificate (`sslcert`, `sslkey`).

use super::support::{AUTHORITY, Tests, file, inside, open, over_tcp, own, trusting, with_rules};
use segstock_postgres::Postgres;
use segstock_remote::servers::{Authority, Certificate, NoServer, PostgresServer};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "own::it_lets_in_who_shows_it",
        certified_only,
        |server, runtime| {
            lets_in(server, runtime);
        },
    );
    tests.add_with_own("own::files_that_are_none", certified_only, |server, _| {
        files(own(server).port());
    });
}

/// Whoever comes over TCP shows a certificate of the authority.
fn certified_only() -> Result<PostgresServer, NoServer> {
    with_rules(
        "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\nhost all all 127.0.0.1/32 reject\n",
    )
}

fn mode(file: &Path, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(file, mode).expect("it is ours");
}

/// The settings of a certificate, and its files.
fn settings(certificate: &Certificate) -> (String, [NamedTempFile; 2]) {
    let files = [file(&certificate.chain), file(&certificate.key)];
    let [chain, key] = files.each_ref().map(|file| file.path().display());
    (format!("sslcert={chain} sslkey={key}"), files)
}

fn lets_in(server: &Mutex<PostgresServer>, runtime: &Handle) {
    let (roots, port) = (file(&AUTHORITY.root()), own(server).port());
    // The server's account reads it, too.
    mode(roots.path(), 0o644);
    let client = inside(&own(server), runtime);
    let trusts = format!(
        "alter system set ssl_ca_file = '{}'",
        roots.path().display()
    );
    for sql in [trusts.as_str(), "select pg_reload_conf()"] {
        runtime.block_on(client.batch_execute(sql)).expect("it may");
    }
    let connect = |own: &str| {
        let url = over_tcp(port, &format!("{} {own}", trusting("verify-full", &roots)));
        let opened = runtime.block_on(open(&url));
        opened.map(drop).map_err(|error| error.to_string())
    };
    let (ours, _files) = settings(&AUTHORITY.certifies(&["shop"]));
    let began = Instant::now();
    while let Err(said) = connect(&ours) {
        assert!(began.elapsed() < Duration::from_secs(10), "{said}");
        thread::sleep(Duration::from_millis(50));
    }
    let said = connect("").expect_err("it shows none");
    assert!(
        said.contains("requires a valid client certificate"),
        "{said}"
    );
    let (others, _files) = settings(&Authority::new("others").certifies(&["shop"]));
    let said = connect(&others).expect_err("it is of others");
    assert!(
        said.contains("does not take the client's certificate"),
        "{said}"
    );
}

fn files(port: u16) {
    let refused = |settings: &str| {
        let opened = Postgres::new(&over_tcp(port, &format!("sslmode=require {settings}")));
        opened.unwrap_err().to_string()
    };
    let ours = AUTHORITY.certifies(&["shop"]);
    let (both, [chain, key]) = settings(&ours);
    let (chain, key) = (chain.path().display(), key.path());
    assert!(Postgres::new(&over_tcp(port, &both)).is_ok());
    let said = refused(&format!("sslcert={chain}"));
    assert!(
        said.contains("sslcert and sslkey are said together"),
        "{said}"
    );
    let said = refused(&format!("sslcert=/nowhere sslkey={}", key.display()));
    assert!(said.contains("sslcert: /nowhere cannot be read"), "{said}");
    let said = refused(&format!("sslcert={chain} sslkey={chain}"));
    assert!(said.contains("there is no private key in"), "{said}");
    let (_, [_, other]) = settings(&AUTHORITY.certifies(&["shop"]));
    let said = refused(&format!(
        "sslcert={chain} sslkey={}",
        other.path().display()
    ));
    assert!(said.contains("sslcert: "), "the key of another: {said}");
    mode(key, 0o644);
    let said = refused(&both);
    assert!(said.contains("chmod 600"), "{said}");
    mode(key, 0o600);
    assert!(Postgres::new(&over_tcp(port, &both)).is_ok());
}

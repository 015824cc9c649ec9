//! Each `sslmode`, against servers with TLS and without.

use super::support::{
    AUTHORITY, Tests, connections, file, inside, open, over_tcp, own, tls_only, trusting,
    with_rules,
};
use segstock_remote::servers::PostgresServer;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "modes::a_server_that_takes_both",
        || with_rules(""),
        |server, runtime| {
            let found = |mode: &str| reached(server, runtime, mode);
            assert_eq!(found("disable"), Ok(Plain));
            for mode in [
                "",
                "prefer",
                "require",
                "require+",
                "verify-ca+",
                "verify-full+",
            ] {
                assert_eq!(found(mode), Ok(ByTls), "{mode}");
            }
        },
    );
    tests.add_with_own(
        "modes::a_server_without_tls",
        || PostgresServer::on_tcp("", None),
        |server, runtime| {
            let found = |mode: &str| reached(server, runtime, mode);
            for mode in ["", "disable", "prefer"] {
                assert_eq!(found(mode), Ok(Plain), "{mode}");
            }
            for mode in ["require", "require+", "verify-ca+", "verify-full+"] {
                let said = found(mode).unwrap_err();
                assert!(
                    said.contains("the server has no TLS, and sslmode asks for it"),
                    "{said}"
                );
            }
        },
    );
    tests.add_with_own(
        "modes::a_server_that_takes_tls_only",
        tls_only,
        |server, runtime| {
            let found = |mode: &str| reached(server, runtime, mode);
            let said = found("disable").unwrap_err();
            assert!(said.contains("pg_hba.conf rejects connection"), "{said}");
            for mode in ["", "prefer", "require", "verify-full+"] {
                assert_eq!(found(mode), Ok(ByTls), "{mode}");
            }
        },
    );
    tests.add_with_own(
        "modes::a_server_with_tls_that_takes_no_tls_from_here",
        || with_rules("hostnossl all all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 reject\n"),
        |server, runtime| {
            let found = |mode: &str| reached(server, runtime, mode);
            for mode in ["", "disable", "prefer"] {
                assert_eq!(found(mode), Ok(Plain), "{mode}");
            }
            for mode in ["require", "verify-full+"] {
                let said = found(mode).unwrap_err();
                assert!(said.contains("pg_hba.conf rejects connection"), "{said}");
            }
        },
    );
    tests.add_with_own(
        "modes::a_server_whose_tls_is_too_old",
        || {
            with_rules(
                "hostssl all strict 127.0.0.1/32 trust\nhost all strict 127.0.0.1/32 reject\n",
            )
        },
        |server, runtime| {
            const OLD: &str = "tls with the server fails: received fatal alert: protocolversion";
            let become_old = |inside: &Client| {
                for set in [
                    "create role strict superuser login",
                    "alter system set ssl_min_protocol_version = 'TLSv1.1'",
                    "alter system set ssl_max_protocol_version = 'TLSv1.1'",
                    "select pg_reload_conf()",
                ] {
                    runtime
                        .block_on(inside.batch_execute(set))
                        .expect("it is right");
                }
            };
            become_old(&inside(&own(server), runtime));
            let asked = |settings: &str| {
                let url = over_tcp(own(server).port(), settings);
                let opened = runtime.block_on(open(&url));
                opened
                    .map(drop)
                    .map_err(|error| error.to_string().to_lowercase())
            };
            // From some moment on.
            let began = Instant::now();
            while asked("sslmode=require").is_ok() && began.elapsed() < Duration::from_secs(10) {}
            let said = asked("sslmode=require").unwrap_err();
            assert!(said.contains(OLD), "{said}");
            assert_eq!(reached(server, runtime, "prefer"), Ok(Plain));
            // Where plain connections are refused, it learns why there was no other.
            let said = asked("sslmode=prefer user=strict").unwrap_err();
            assert!(said.contains(OLD), "{said}");
        },
    );
    tests.add_with_own(
        "modes::a_password_is_bound_to_the_certificate",
        || with_rules("host all bound 127.0.0.1/32 scram-sha-256\n"),
        |server, runtime| {
            let server = own(server);
            let inside = inside(&server, runtime);
            let role = "create role bound superuser login password 'words'";
            runtime
                .block_on(inside.batch_execute(role))
                .expect("a new role");
            let asked = |settings: &str| {
                let bound = "user=bound password=words channel_binding=require";
                let url = over_tcp(server.port(), &format!("{bound} {settings}"));
                runtime
                    .block_on(open(&url))
                    .map(drop)
                    .map_err(|error| error.to_string())
            };
            assert_eq!(asked("sslmode=require"), Ok(()));
            let said = asked("sslmode=disable").unwrap_err();
            assert!(said.contains("channel binding"), "{said}");
        },
    );
}

/// How a connection is made.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    Plain,
    ByTls,
}
use Way::{ByTls, Plain};

/// How the server is reached; `+` trusts the authority of the tests.
fn reached(server: &Mutex<PostgresServer>, runtime: &Handle, mode: &str) -> Result<Way, String> {
    let server = own(server);
    let roots = file(&AUTHORITY.root());
    let settings = match mode.strip_suffix('+') {
        Some(mode) => trusting(mode, &roots),
        None if mode.is_empty() => String::new(),
        None => format!("sslmode={mode}"),
    };
    let inside = inside(&server, runtime);
    let url = over_tcp(server.port(), &settings);
    // It lives on while it is looked at.
    let _stock = runtime
        .block_on(open(&url))
        .map_err(|error| error.to_string())?;
    match connections(&inside, runtime) {
        (0, plain) if plain > 0 => Ok(Plain),
        (by_tls, 0) if by_tls > 0 => Ok(ByTls),
        both => panic!("connections by TLS and plain: {both:?}"),
    }
}

//! The command: arguments, start, stop.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue};
use segstock_service::config::{Arguments, Config};
use segstock_service::numbers;
use segstock_service::serve::{Service, Stopped};
use segstock_service::waiting::Away;
use serde_json::json;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::num::ParseIntError;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;

/// How long an opening of the ledger that was given up may still take.
const END: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let said = match Arguments::command().try_get_matches() {
        Ok(said) => said,
        Err(error) if error.use_stderr() => return refuse(&first_line(&error)),
        // The help, or the version.
        Err(error) => error.exit(),
    };
    match Arguments::resolve(&said) {
        Ok(config) => run(config),
        Err(line) => refuse(&line),
    }
}

/// What is wrong, without the ways to find out more, and without a value that may be a secret.
fn first_line(error: &clap::Error) -> String {
    let named = error.get(ContextKind::InvalidArg);
    if let (Some(ContextValue::String(option)), Some(reason)) = (named, error.source())
        && ["--token", "--ledger", "--move-from"]
            .iter()
            .any(|secret| option.starts_with(secret))
    {
        return format!("{option}: {reason}");
    }
    let text = error.to_string();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    let line = line.trim_start_matches("error: ");
    let number = error
        .source()
        .and_then(|reason| reason.downcast_ref::<ParseIntError>());
    if let (Some(error), Some((before, _))) = (number, line.rsplit_once(": ")) {
        return format!("{before}: {}", numbers::why(error));
    }
    match lines.next().map(str::trim) {
        Some(possible) if possible.starts_with("[possible values") => format!("{line} {possible}"),
        _ => line.to_owned(),
    }
}

fn refuse(line: &dyn Display) -> ExitCode {
    eprintln!("segstock-service: {line}");
    ExitCode::from(2)
}

fn fail(line: &dyn Display) -> ExitCode {
    eprintln!("segstock-service: {line}");
    ExitCode::FAILURE
}

/// The last line, as the log has its lines.
fn end(error: &dyn Display, is_json: bool, code: ExitCode) -> ExitCode {
    if is_json {
        tracing::error!("{error}");
    } else {
        eprintln!("segstock-service: {error}");
    }
    code
}

/// A line of the start, as the log has its lines.
fn said(line: &dyn Display, is_json: bool) -> String {
    if !is_json {
        return format!("segstock-service: {line}\n");
    }
    let line = line.to_string();
    let timestamp = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    let line = json!({"timestamp": timestamp, "level": "INFO", "message": line});
    format!("{line}\n")
}

fn run(config: Config) -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads: {error}")),
    };
    let code = runtime.block_on(serve(config));
    runtime.shutdown_timeout(END);
    code
}

async fn serve(config: Config) -> ExitCode {
    let log = tracing_subscriber::fmt()
        .with_max_level(config.log.level)
        .with_writer(io::stderr);
    if config.log.json {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
    let is_json = config.log.json;
    let started = async {
        let service = Service::start(config).await?;
        // At once: whoever reads the first line may not read on.
        let (addresses, found) = (service.addresses()?, service.found());
        let lines = said(&addresses, is_json) + &said(&found, is_json);
        io::stdout().write_all(lines.as_bytes())?;
        Ok::<_, Box<dyn Error>>(service)
    };
    match started.await {
        Ok(service) => match service.run().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => end(&error, is_json, ExitCode::FAILURE),
        },
        Err(error) if error.is::<Stopped>() => {
            tracing::info!("{error}");
            ExitCode::SUCCESS
        }
        // It may be there the next time.
        Err(error) if error.is::<Away>() => end(&error, is_json, ExitCode::FAILURE),
        Err(error) => end(&error, is_json, ExitCode::from(2)),
    }
}

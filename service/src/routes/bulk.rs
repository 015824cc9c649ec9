//! Stock in bulk: lists of SKUs in and out, as CSV or JSON lines.

use super::orders::Key;
use crate::app::{App, Shared};
use crate::book::{Book, Sku};
use crate::bulk::{Columns, Repeated, Stocklist};
use crate::input::{IdempotencyKey, Query};
use crate::kinds;
use crate::problem::Problem;
use crate::table::Form;
use crate::telemetry::{self, Deed};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use segstock_orders::{Refusal, SkuId, StockAnswer};
use serde::{Deserialize, Serialize};
use tokio::task::yield_now;
use utoipa::{IntoParams, ToSchema};

/// SKUs that are changed, or shown, before others have their turn.
const AT_ONCE: usize = 500;
/// The most lines above a header.
const MOST_SKIPPED: usize = 1_000;

/// What a list does, and how it is to be read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// What the units are.
    #[param(inline)]
    r#do: Act,
    /// Whether SKUs that are not open are opened. Otherwise they are a mistake.
    #[serde(default)]
    open: bool,
    /// Whether it is only checked: nothing changes.
    #[serde(default)]
    dry_run: bool,
    /// Of CSV: the column of the SKU; `sku`, if it is left out.
    sku: Option<String>,
    /// Of CSV: the column of the units; `units`, if it is left out.
    units: Option<String>,
    /// Of CSV: lines above the header.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1000)]
    skip_lines: usize,
    /// Of CSV: what separates the fields, or `tab`; of `,`, `;` and tab the one that the header has most of, if it is left
    /// out.
    #[param(pattern = r"^(tab|[ !#-/:-@\[-`{-~])$")]
    separator: Option<String>,
    /// Of CSV: whether `1,200` and `1.200` are thousands. Otherwise they are a mistake.
    #[serde(default)]
    thousands: bool,
}

/// What the units of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// They came. Lines of one SKU are added up.
    Restock,
    /// They were counted. A SKU has one line.
    Count,
}

/// What a list did, or would do.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Imported {
    /// Lines that were read.
    lines: usize,
    /// SKUs that they are about.
    skus: usize,
    /// SKUs that were opened.
    opened: usize,
    /// SKUs whose units an earlier sending of the list had changed.
    before: usize,
    /// Units on hand that came; negative: that went. Those of an earlier sending included, but for a dry run.
    difference: i64,
    /// Whether it was only checked: all figures are what it would do.
    dry_run: bool,
}

fn form(how: &How) -> Result<Form, Problem> {
    let separator = match how.separator.as_deref().map(str::as_bytes) {
        None => None,
        Some(b"tab") => Some(b'\t'),
        // Nothing that fields are made of.
        Some([byte]) if *byte == b' ' || (byte.is_ascii_punctuation() && *byte != b'"') => {
            Some(*byte)
        }
        Some(_) => {
            let detail =
                "a separator is a space or punctuation mark of ASCII other than quotes, or tab";
            return Err(Problem::invalid(detail));
        }
    };
    if how.skip_lines > MOST_SKIPPED {
        let detail = format!("at most {MOST_SKIPPED} lines above the header are skipped");
        return Err(Problem::invalid(detail));
    }
    Ok(Form {
        separator,
        skip: how.skip_lines,
        thousands: how.thousands,
    })
}

fn read(how: &How, kind: Kind, bytes: &[u8]) -> Result<Stocklist, Problem> {
    let repeated = match how.r#do {
        Act::Restock => Repeated::AddedUp,
        Act::Count => Repeated::Refused,
    };
    let columns = Columns {
        sku: how.sku.as_deref().unwrap_or("sku"),
        units: how.units.as_deref().unwrap_or("units"),
    };
    let list = match kind {
        Kind::Csv => Stocklist::from_csv(bytes, form(how)?, &columns, repeated),
        Kind::JsonLines => Stocklist::from_json_lines(bytes, repeated),
    };
    list.map_err(|error| {
        let hint = match &*error {
            error if error.contains("there is no column") => {
                "; skip_lines=1 skips a title, sku= and units= name the columns"
            }
            error if error.contains("may be thousands") => ": thousands=true",
            _ => "",
        };
        Problem::invalid(format!("the list {error}{hint}"))
    })
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Csv,
    JsonLines,
}

/// The kind of list that a header names.
fn kind_of(value: Option<&HeaderValue>) -> Option<Kind> {
    let text = value?.to_str().ok()?;
    match text.split(';').next().unwrap_or_default().trim() {
        "text/csv" => Some(Kind::Csv),
        "application/jsonl" | "application/x-ndjson" => Some(Kind::JsonLines),
        _ => None,
    }
}

async fn body_of(app: &App, request: Request) -> Result<(Kind, Bytes), Problem> {
    let Some(kind) = kind_of(request.headers().get(CONTENT_TYPE)) else {
        let detail = "a list is declared as text/csv or application/jsonl";
        return Err(Problem::new(kinds::NOT_JSON, detail));
    };
    let most = app.limits.list;
    let body = to_bytes(request.into_body(), most).await;
    let body = body.map_err(|_| {
        let detail = format!("the list is larger than {most} bytes, or broke off");
        Problem::new(kinds::TOO_LARGE, detail)
    })?;
    Ok((kind, body))
}

/// Restock or count many SKUs
///
/// The whole list is checked before anything changes: the first fault is told with its line, and nothing is done. Each SKU is
/// a change of its own: if the service is stopped or fails halfway, or other requests come in between, some SKUs may be
/// changed and others not. The same list with the same key then does what is left, and nothing twice.
#[utoipa::path(post, path = "/v1/bulk/stock", operation_id = "import_stock", tag = "shop", params(Key, How),
    request_body(content((String = "text/csv"), (String = "application/jsonl"))),
    responses((status = 200, body = Imported)))]
pub async fn import(
    State(app): State<Shared>,
    IdempotencyKey(key): IdempotencyKey,
    Query(how): Query<How>,
    request: Request,
) -> Result<axum::Json<Imported>, Problem> {
    let (kind, body) = body_of(&app, request).await?;
    let list = read(&how, kind, &body)?;
    let unknown: Vec<Sku> = unopened(&app, &list);
    if let Some(first) = unknown.first().filter(|_| !how.open) {
        let (line, _) = list.units[first];
        let detail = format!(
            "the list line {line}: there is no SKU {first}; open=true opens those that are not open"
        );
        return Err(Problem::new(kinds::UNKNOWN_SKUS, detail).with_skus(unknown));
    }
    let mut done = Imported {
        lines: list.lines,
        skus: list.units.len(),
        opened: unknown.len(),
        dry_run: how.dry_run,
        ..Imported::default()
    };
    check(&app, how.r#do, &key, &list, &mut done).await?;
    if !how.dry_run {
        (done.before, done.difference) = (0, 0);
        act(&app, how.r#do, &key, list, &mut done).await?;
    }
    Ok(axum::Json(done))
}

/// SKUs of the list that are not open, by their lines.
fn unopened(app: &App, list: &Stocklist) -> Vec<Sku> {
    let unknown = list.units.iter();
    let unknown = unknown.filter(|(sku, _)| app.book.number_of(*sku).is_none());
    let mut unknown: Vec<_> = unknown
        .map(|(sku, (line, _))| (*line, sku.clone()))
        .collect();
    unknown.sort_unstable();
    unknown.into_iter().map(|(_, sku)| sku).collect()
}

/// Refuses a list of which a line would be refused: for its key, for its units, or since there is no room for its SKU. Says
/// what it would do otherwise.
async fn check(
    app: &App,
    act: Act,
    key: &str,
    list: &Stocklist,
    would: &mut Imported,
) -> Result<(), Problem> {
    let (most, unknown) = (app.limits.skus, would.opened);
    if app.book.skus().saturating_add(unknown) > most {
        let detail = format!("the list has {unknown} new SKUs: there can be {most} in all");
        return Err(Problem::new(kinds::FULL, detail));
    }
    for (count, (sku, (line, units))) in list.units.iter().enumerate() {
        if count % AT_ONCE == 0 {
            yield_now().await;
        }
        let refused = |refusal| Problem::from(refusal).at(&format!("the list line {line}"));
        match check_line(&app.book, act, key, sku, *units).map_err(refused)? {
            Some(difference) => would.difference += difference,
            None => would.before += 1,
        }
    }
    Ok(())
}

/// The units that would come to a SKU; none, if an earlier sending changed it.
fn check_line(
    book: &Book,
    act: Act,
    key: &str,
    sku: &Sku,
    requested: u64,
) -> Result<Option<i64>, Refusal<Sku>> {
    // Units of a list are at most those of a stock, which fit 64 bits with a sign.
    let come = requested.cast_signed();
    let Some(view) = book.stock(sku) else {
        return Ok(Some(come));
    };
    let is_known = match act {
        Act::Restock => book.knows_restock(sku.clone(), key, requested)?,
        Act::Count => book.knows_count(sku.clone(), key, requested)?,
    };
    let on_hand = view.on_hand;
    if act == Act::Restock && !is_known && on_hand.saturating_add(requested) > segstock::MAX_UNITS {
        let sku = sku.clone();
        return Err(Refusal::Overflow {
            sku,
            requested,
            on_hand,
        });
    }
    let come = match act {
        Act::Restock => come,
        Act::Count => come - on_hand.cast_signed(),
    };
    Ok((!is_known).then_some(come))
}

/// Makes the changes, each known by the list's key, and waits once for all to be durable.
async fn act(
    app: &App,
    act: Act,
    key: &str,
    list: Stocklist,
    done: &mut Imported,
) -> Result<(), Problem> {
    for (count, (sku, (line, units))) in list.units.into_iter().enumerate() {
        if count % AT_ONCE == 0 {
            yield_now().await;
        }
        let answer = change(app, act, key, &sku, units).await;
        let answer = answer.map_err(|problem| {
            let place = format!(
                "{count} SKUs were changed, and the same list with the same key does what is left; the list line {line}"
            );
            problem.at(&place)
        })?;
        if let Some(answer) = answer {
            telemetry::done(act.deed(), answer.before);
            done.before += usize::from(answer.before);
            done.difference += answer.difference;
        }
    }
    app.figures(|_| Ok(())).await
}

impl Act {
    const fn deed(self) -> Deed {
        match self {
            Self::Restock => Deed::Restock,
            Self::Count => Deed::Count,
        }
    }
}

/// Changes one SKU. Nothing is waited for, unless the writer's queue is full.
async fn change(
    app: &App,
    act: Act,
    key: &str,
    sku: &Sku,
    units: u64,
) -> Result<Option<StockAnswer>, Problem> {
    loop {
        let decided = app.decide(|book| {
            match book.open(sku.clone(), 0) {
                Ok(_) | Err(Refusal::AlreadyOpen) => {}
                Err(refusal) => return Err(refusal),
            }
            match act {
                // None of it came: it is opened, and that is all.
                Act::Restock if units == 0 => Ok(None),
                Act::Restock => book.restock(sku.clone(), key, units).map(Some),
                Act::Count => book.count(sku.clone(), key, units).map(Some),
            }
        });
        match decided.answer {
            Err(Refusal::Busy) => app.figures(|_| Ok(())).await?,
            answer => return Ok(answer?),
        }
    }
}

/// The form of a list that is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    /// `csv`, if it is left out, or `jsonl`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// The form of a list.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values, with a header.
    #[default]
    Csv,
    /// A line of JSON for each SKU.
    Jsonl,
}

/// A line of a list that is shown. `units` is what a count would find: the list can be sent back as one.
#[derive(Debug, Serialize)]
struct Line {
    sku: Sku,
    units: u64,
    available: u64,
    owed: u64,
    safety: u64,
    waiting: u64,
}

/// All SKUs and their stock
///
/// In the sequence in which they were opened, each SKU's figures of one instant. `units` are on hand: the list can be sent
/// back as a count.
#[utoipa::path(get, path = "/v1/bulk/stock", operation_id = "export_stock", tag = "shop", params(Shown),
    responses((status = 200, content((String = "text/csv"), (String = "application/jsonl")))))]
pub async fn export(
    State(app): State<Shared>,
    Query(Shown { format }): Query<Shown>,
) -> Result<Response, Problem> {
    // Before the first byte, so that a ledger that failed is a problem and no list that breaks off.
    app.figures(|_| Ok(())).await?;
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Jsonl => "application/jsonl",
    };
    let pages = unfold(Some(0), move |first| {
        let app = app.clone();
        async move {
            let first = first?;
            let (page, next) = match page(&app, format, first).await {
                Ok((page, next)) => (Ok(page), next),
                Err(problem) => (Err(problem), None),
            };
            Some((page, next))
        }
    });
    Ok(([(CONTENT_TYPE, kind)], Body::from_stream(pages)).into_response())
}

async fn page(app: &App, format: Format, first: u32) -> Result<(String, Option<u32>), Problem> {
    let lines = app.figures(|book| {
        let names = (first..u32::MAX).map_while(|number| book.sku(SkuId::new(number)));
        let lines = names.take(AT_ONCE).filter_map(|sku| {
            let view = book.stock(sku)?;
            Some(Line {
                sku: sku.clone(),
                units: view.on_hand,
                available: view.available,
                owed: view.owed,
                safety: view.safety,
                waiting: view.waiting,
            })
        });
        Ok(lines.collect::<Vec<_>>())
    });
    let lines = lines.await?;
    let next = (lines.len() == AT_ONCE).then_some(first.saturating_add(AT_ONCE as u32));
    let text = match format {
        Format::Csv => as_csv(&lines, first == 0),
        Format::Jsonl => as_json_lines(&lines),
    };
    Ok((
        text.map_err(|error| Problem::new(kinds::UNAVAILABLE, error))?,
        next,
    ))
}

fn as_csv(lines: &[Line], with_header: bool) -> Result<String, String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    if with_header {
        let names = ["sku", "units", "available", "owed", "safety", "waiting"];
        writer
            .write_record(names)
            .map_err(|error| error.to_string())?;
    }
    for line in lines {
        writer.serialize(line).map_err(|error| error.to_string())?;
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn as_json_lines(lines: &[Line]) -> Result<String, String> {
    let line = |line| serde_json::to_string(line).map(|text| text + "\n");
    let lines: Result<String, _> = lines.iter().map(line).collect();
    lines.map_err(|error| error.to_string())
}

//! Stock in bulk: lists of SKUs in and out, as CSV or JSON lines.

use super::orders::Key;
use crate::answers::Stock;
use crate::app::{App, Shared};
use crate::bulk::{Act, Columns, Import, Imported, Repeated, Stocklist, Unread};
use crate::in_time::in_time;
use crate::input::{IdempotencyKey, Query};
use crate::kinds;
use crate::list_room::Taken;
use crate::problem::Problem;
use crate::table::Form;
use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;
use utoipa::{IntoParams, ToSchema};

/// SKUs of a page of a list that is shown.
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

fn read(how: &How, kind: Kind, bytes: &[u8], most: usize) -> Result<Stocklist, Problem> {
    let repeated = match how.r#do {
        Act::Restock => Repeated::AddedUp,
        Act::Count => Repeated::Refused,
    };
    let columns = Columns {
        sku: how.sku.as_deref().unwrap_or("sku"),
        units: how.units.as_deref().unwrap_or("units"),
    };
    let list = match kind {
        Kind::Csv => Stocklist::from_csv(bytes, form(how)?, &columns, most, repeated),
        Kind::JsonLines => Stocklist::from_json_lines(bytes, most, repeated),
    };
    list.map_err(|Unread { why, is_full }| {
        if is_full {
            return Problem::new(kinds::FULL, format!("the list {why}"));
        }
        let hint = match &*why {
            error if error.contains("there is no column") => {
                "; skip_lines=1 skips a title, sku= and units= name the columns, separator= says what is between them"
            }
            error if error.contains("may be thousands") => ", or add thousands=true",
            _ => "",
        };
        Problem::invalid(format!("the list {why}{hint}"))
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
    let kind = text.split(';').next().unwrap_or_default().trim();
    match &*kind.to_ascii_lowercase() {
        "text/csv" => Some(Kind::Csv),
        "application/jsonl" | "application/x-ndjson" => Some(Kind::JsonLines),
        _ => None,
    }
}

/// At least and at most how many bytes a body has.
type Size = (u64, Option<u64>);

/// The list that is sent, and its room in memory.
async fn list_of<'a>(
    app: &'a App,
    size: Size,
    body: &mut BodyDataStream,
) -> Result<(Vec<u8>, Taken<'a>), Problem> {
    let (most, time) = (app.limits.list, app.limits.request);
    let too_large = || {
        let detail = format!("the list is larger than {most} bytes, or broke off");
        Problem::new(kinds::TOO_LARGE, detail)
    };
    if size.0 > most as u64 {
        return Err(too_large());
    }
    let mut room = app.list_room.take(size.1, time).await?;
    let read = async {
        let mut list = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece.ok().filter(|it| list.len() + it.len() <= most);
            list.extend_from_slice(&piece?);
        }
        Some(list)
    };
    let list = in_time(time, read).await?.ok_or_else(too_large)?;
    room.shrink(list.len());
    Ok((list, room))
}

/// Restock or count many SKUs
///
/// The whole list is checked before anything changes: the first fault is answered with its line, and nothing is done. Each 10,000
/// SKUs are changed together: if the service fails, all of them are changed, or none. Of a longer list, at several nodes, and
/// if other requests come in between that make a line impossible, some SKUs may be changed and others not. The same list with
/// the same key then does what is left, and nothing twice. A long list takes its time, beyond that of other requests.
#[utoipa::path(post, path = "/v1/bulk/stock", operation_id = "import_stock", tag = "shop", params(Key, How),
    request_body(content((String = "text/csv"), (String = "application/jsonl"))),
    responses((status = 200, body = Imported)))]
pub async fn import(
    State(app): State<Shared>,
    request: Request,
) -> Result<axum::Json<Imported>, Problem> {
    let (mut parts, body) = request.into_parts();
    let size = body.size_hint();
    let size = (size.lower(), size.upper());
    let mut body = body.into_data_stream();
    let imported = import_from(&app, &mut parts, size, &mut body).await;
    // Who still sends a list would not read the answer; who waits to be asked for it, or sends nothing, does.
    let is_slow = |problem: &Problem| problem.kind() == kinds::TOO_SLOW;
    if !parts.headers.contains_key(EXPECT) && imported.as_ref().is_err_and(|it| !is_slow(it)) {
        _ = in_time(app.limits.request, body.for_each(async |_| ())).await;
    }
    imported.map(axum::Json)
}

async fn import_from(
    app: &App,
    parts: &mut Parts,
    size: Size,
    body: &mut BodyDataStream,
) -> Result<Imported, Problem> {
    let key = <IdempotencyKey as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
    let Query(how) = Query::<How>::from_request_parts(parts, &()).await?;
    let kind = kind_of(parts.headers.get(CONTENT_TYPE)).ok_or_else(|| {
        let detail = "a list is declared as text/csv or application/jsonl";
        Problem::new(kinds::NOT_JSON, detail)
    })?;
    let (bytes, _room) = list_of(app, size, body).await?;
    let most = app.shop.most_skus(app.limits.skus);
    let reading = in_time(app.limits.request, app.reading.lock()).await?;
    // Other requests of this thread do not wait for it.
    let list = block_in_place(|| read(&how, kind, &bytes, most))?;
    drop(bytes);
    let import = Import {
        act: how.r#do,
        key: &key.0,
        opens: how.open,
        most,
        patience: app.limits.request,
        is_dry_run: how.dry_run,
    };
    app.shop.import(import, list, reading).await
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

/// All SKUs and their stock
///
/// In the sequence in which they were opened; with several nodes, by their names. Each SKU's figures are of one instant. `units`
/// are on hand: the list can be sent back as a count.
#[utoipa::path(get, path = "/v1/bulk/stock", operation_id = "export_stock", tag = "shop", params(Shown),
    responses((status = 200, content((String = "text/csv"), (String = "application/jsonl")))))]
pub async fn export(
    State(app): State<Shared>,
    Query(Shown { format }): Query<Shown>,
) -> Result<Response, Problem> {
    // Before the first byte, so that a ledger that failed is a problem and no list that breaks off.
    let first = page(&app, format, None).await?;
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Jsonl => "application/jsonl",
    };
    let pages = unfold(Some(Ok(first)), move |shown| {
        let app = app.clone();
        async move {
            Some(match shown? {
                Ok((text, None)) => (Ok(text), None),
                Ok((text, next)) => (Ok(text), Some(page(&app, format, next).await)),
                Err(problem) => (Err(problem), None),
            })
        }
    });
    Ok(([(CONTENT_TYPE, kind)], Body::from_stream(pages)).into_response())
}

/// A page of the list, and where the next one begins.
type Page = Result<(String, Option<String>), Problem>;

async fn page(app: &App, format: Format, cursor: Option<String>) -> Page {
    let is_first = cursor.is_none();
    let page = app.shop.stocks(cursor, AT_ONCE).await?;
    let lines: Vec<Line<'_>> = page.stock.iter().map(Line::of).collect();
    let text = match format {
        Format::Csv => as_csv(&lines, is_first),
        Format::Jsonl => as_json_lines(&lines),
    };
    let text = text.map_err(|error| Problem::new(kinds::UNAVAILABLE, error))?;
    Ok((text, page.next))
}

/// A line of a list that is shown. `units` is what a count would find: the list can be sent back as one.
#[derive(Debug, Serialize)]
struct Line<'a> {
    sku: &'a str,
    units: u64,
    available: u64,
    owed: u64,
    safety: u64,
    waiting: u64,
}

impl<'a> Line<'a> {
    fn of(stock: &'a Stock) -> Self {
        Self {
            sku: &stock.sku,
            units: stock.on_hand,
            available: stock.available,
            owed: stock.owed,
            safety: stock.safety,
            waiting: stock.waiting,
        }
    }
}

fn as_csv(lines: &[Line<'_>], with_header: bool) -> Result<String, String> {
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

fn as_json_lines(lines: &[Line<'_>]) -> Result<String, String> {
    let line = |line| serde_json::to_string(line).map(|text| text + "\n");
    let lines: Result<String, _> = lines.iter().map(line).collect();
    lines.map_err(|error| error.to_string())
}

//! The examples as the commands that people run: their figures, their exit codes, and one clear line
//! for each mistake.
#![cfg(not(loom))]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs an example in the profile and the target directory of this test.
fn run(example: &str, arguments: &[&str]) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--target-dir"])
        .arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    if example == "replay" {
        cargo.args(["--features", "inventory"]);
    }
    cargo
        .args(["--example", example, "--"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What was printed, which is JSON and nothing else.
#[track_caller]
fn json(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One line on stderr, which says `what`.
#[track_caller]
fn assert_mistake(output: &Output, what: &[&str]) {
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    for part in what {
        assert!(complaint.contains(part), "no {part:?} in: {complaint}");
    }
}

/// A file that is gone when it is dropped.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let directory = std::env::temp_dir().join(format!("segstock-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        // Only the last one finds it empty.
        let _ = fs::remove_dir(self.0.parent().unwrap());
    }
}

fn flash_sale(arguments: &str) -> Output {
    run("flash_sale", &arguments.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_flash_sale_sells_every_unit_once() {
    let arguments = "--units 50 --segments 5 --customers 8 --flow-ms 1 --seconds 2 --json";
    let result = json(&flash_sale(arguments), 0);
    let sales = result["sales"].as_array().unwrap();
    let ids: Vec<_> = sales.iter().map(|sale| sale["id"].as_str()).collect();
    assert_eq!(
        ids,
        ["naive", "single", "locked", "stock"].map(Some),
        "{sales:?}"
    );
    for sale in &sales[1..] {
        let figures = ["sold", "left", "oversold", "refused"].map(|name| sale[name].as_u64());
        assert_eq!(figures, [50, 0, 0, 8].map(Some), "{sale}");
        assert!(sale["orders_per_second"].as_f64() > Some(0.0), "{sale}");
    }
    let counters = result["counters"].as_array().unwrap();
    assert_eq!(counters.len(), 6);
    for counter in counters {
        let rate = counter["million_orders_per_second"].as_f64();
        assert!(rate > Some(0.0), "{counter}");
        if counter["id"] != "naive" {
            assert_eq!(counter["lost"], 0, "{counter}");
        }
    }
}

#[test]
fn a_flash_sale_closes_on_time_and_loses_nothing() {
    let arguments = "--units 100000 --customers 8 --flow-ms 5 --seconds 0.1 --json";
    let result = json(&flash_sale(arguments), 0);
    for sale in &result["sales"].as_array().unwrap()[1..] {
        let (sold, left) = (sale["sold"].as_u64(), sale["left"].as_u64());
        assert_eq!(sold.unwrap() + left.unwrap(), 100_000, "{sale}");
        assert_eq!(
            (&sale["oversold"], &sale["refused"]),
            (&0.into(), &0.into())
        );
    }
}

#[test]
fn a_flash_sale_prints_a_table() {
    let arguments = "--units 20 --customers 2 --flow-ms 0 --seconds 0.05 --segments 4";
    let output = flash_sale(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for part in ["oversold", "4 locked segments", "million orders/s"] {
        assert!(text(&output.stdout).contains(part), "{output:?}");
    }
}

#[test]
fn a_flash_sale_that_cannot_be_is_refused() {
    for (arguments, what) in [
        ("--customers 0", "0 is not in 1..=10000"),
        ("--customers 10001", "10001 is not in"),
        ("--segments 0", "0 is not in 1..=1024"),
        ("--segments 1025", "1025 is not in"),
        ("--units 1099511627777", "1099511627777 is not in"),
        ("--units 99999999999999999999", "too large"),
        ("--units -1", "'--units <UNITS>'"),
        ("--flow-ms 10001", "10001 is not in"),
        ("--seconds 0", "from 0.01 to 3600"),
        ("--seconds NaN", "from 0.01 to 3600"),
        ("--seconds -1", "from 0.01 to 3600"),
        ("--phones 3", "--phones"),
    ] {
        let output = flash_sale(arguments);
        assert_mistake(&output, &[what]);
    }
}

/// Order 1 wants 20 lamps (in two lines) and 4 mugs, order 2 wants 30 lamps (its second line comes
/// late), C3 brings 3 mugs back, order 4 wants 6 mugs and no lamps in sum, order 5 wants 12 lamps.
const LOG: &str = "\
Description,Quantity,StockCode,CustomerID,InvoiceNo
\"lamp, red\",10,LAMP,17850,1
mug,4,MUG,,1
\"lamp, red\",10,LAMP,17850,1
\"lamp, red\",20,LAMP,,2
mug,-3,MUG,17850,C3
mug,6,MUG,17850,4
\"lamp, red\",5,LAMP,17850,4
\"lamp, red\",-5,LAMP,17850,4
\"lamp, red\",10,LAMP,,2
\"lamp, red\",12,LAMP,,5
";

/// Orders accepted and refused, lines accepted and refused, units opened, returned, sold and left.
fn figures(result: &Value) -> [u64; 8] {
    [
        "orders_accepted",
        "orders_refused",
        "lines_accepted",
        "lines_refused",
        "units_opened",
        "units_returned",
        "units_sold",
        "units_left",
    ]
    .map(|name| result[name].as_u64().unwrap())
}

#[test]
fn a_replay_on_one_thread_is_exact() {
    let log = TempFile::new("small.csv", LOG);
    for counter in ["stock", "locked", "single", "naive"] {
        let replay = |cover| {
            let arguments = ["--counter", counter, "--cover", cover, "--threads", "1"];
            let output = run(
                "replay",
                &[&arguments[..], &[log.path(), "--json"]].concat(),
            );
            let result = json(&output, 0);
            assert_eq!(
                (&result["skus"], &result["skus_wrong"]),
                (&2.into(), &0.into())
            );
            figures(&result)
        };
        // 49 of 62 lamps: order 2 finds 29 of the 30 that it wants. 8 of 10 mugs.
        assert_eq!(replay("0.8"), [4, 1, 5, 1, 57, 3, 42, 18], "{counter}");
        assert_eq!(replay("1"), [5, 0, 6, 0, 72, 3, 72, 3], "{counter}");
        assert_eq!(replay("0"), [1, 4, 1, 5, 0, 3, 0, 3], "{counter}");
    }
}

/// Order 2 wants more of B than is in stock, and what order 3 wants of A.
const WHOLE: &str = "\
InvoiceNo,StockCode,Quantity
1,A,2
1,B,1
2,A,1
2,B,4
3,A,1
C4,B,-1
";

#[test]
fn a_replay_sells_whole_orders_or_none() {
    let log = TempFile::new("whole.csv", WHOLE);
    for counter in ["stock", "locked", "single", "naive"] {
        let replay = |more: &[&str]| {
            let arguments = ["--counter", counter, "--threads", "1", log.path(), "--json"];
            let result = json(&run("replay", &[&arguments[..], more].concat()), 0);
            (figures(&result), result["lines_short"].as_u64())
        };
        // 3 of 4 A, 4 of 5 B.
        let whole = ([3, 1, 4, 2, 7, 1, 4, 4], Some(1));
        assert_eq!(replay(&[]), whole, "{counter}");
        let partial = ([2, 2, 4, 2, 7, 1, 4, 4], Some(2));
        assert_eq!(replay(&["--partial"]), partial, "{counter}");
    }
}

/// Orders of two SKUs in either sequence, from many threads; the second SKU runs out first.
#[test]
fn a_replay_of_whole_orders_on_many_threads_adds_up() {
    let lines: String = (0..10_000)
        .map(|order| match order % 2 {
            0 => format!("{order},A,1\n{order},B,2\n"),
            _ => format!("{order},B,1\n{order},A,2\n"),
        })
        .collect();
    let log = TempFile::new(
        "pairs.csv",
        format!("InvoiceNo,StockCode,Quantity\n{lines}"),
    );
    for counter in ["stock", "locked", "single"] {
        let arguments = ["--counter", counter, "--cover", "0.5", "--threads", "4"];
        let arguments = [&arguments[..], &[log.path(), "--json"]].concat();
        let result = json(&run("replay", &arguments), 0);
        assert_eq!(result["skus_wrong"], 0, "{counter}: {result}");
        let [accepted, refused, lines, ..] = figures(&result);
        assert_eq!((accepted + refused, lines), (10_000, 2 * accepted));
    }
}

/// Enough orders for threads to meet, each of one unit of one SKU.
fn contended_log(name: &str) -> TempFile {
    let lines: String = (0..20_000)
        .map(|order| format!("{order},HOT,1\n"))
        .collect();
    TempFile::new(name, format!("InvoiceNo,StockCode,Quantity\n{lines}"))
}

#[test]
fn a_replay_on_many_threads_adds_up() {
    let log = contended_log("hot.csv");
    for counter in ["stock", "locked", "single"] {
        let arguments = ["--counter", counter, "--cover", "0.5", "--threads", "4"];
        let output = run(
            "replay",
            &[&arguments[..], &[log.path(), "--json"]].concat(),
        );
        let result = json(&output, 0);
        let half = 10_000;
        let expected = [half, half, half, half, half, 0, half, 0];
        assert_eq!(figures(&result), expected, "{counter}");
        assert_eq!(result["skus_wrong"], 0, "{counter}");
    }
}

#[test]
fn a_replay_finds_out_the_naive_counter() {
    let log = contended_log("naive.csv");
    let arguments = ["--counter", "naive", "--cover", "0.5", "--threads", "4"];

    // On a machine that is busy elsewhere the threads may never meet.
    let caught = |more: &[&str]| {
        let arguments = [&arguments[..], &[log.path()], more].concat();
        let tries = (0..3).map(|_| run("replay", &arguments));
        let mut caught = tries.filter(|output| output.status.code() == Some(1));
        caught.next().expect("an audit that fails")
    };
    let result = json(&caught(&["--json"]), 1);
    assert_eq!(result["skus_wrong"], 1);
    assert_eq!(result["findings"][0]["sku"], "HOT");

    let output = caught(&[]);
    for part in ["audit FAILED for 1 of 1 SKUs", "HOT: "] {
        assert!(text(&output.stdout).contains(part), "{output:?}");
    }
}

#[test]
fn a_log_is_read_as_people_export_it() {
    let spreadsheet = "InvoiceNo\tStockCode\tQuantity\r\n1\tA\t2\r\n";
    let utf16: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(spreadsheet.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let others = [
        "invoiceno;STOCKCODE;quantity\n1;A;2\n",
        "sep=;\nInvoiceNo;StockCode;Quantity\n1;A;2,0\n",
        "\u{feff}InvoiceNo,\"Sold; by\",StockCode,Quantity\n1,\"a, b\",A,2.0\n,,,\n",
    ];
    let others = others.map(|text| text.as_bytes().to_vec());
    for content in others.into_iter().chain([utf16]) {
        let log = TempFile::new("form.csv", &content);
        let result = json(&run("replay", &[log.path(), "--cover", "1", "--json"]), 0);
        assert_eq!(figures(&result)[..4], [1, 0, 1, 0], "{content:?}");
    }
    let two = TempFile::new(
        "two.csv",
        "Orders of May\nInvoice,SKU,Units\n1,A,\"1,200\"\n",
    );
    let refused = |flags: &[&str], what| {
        let arguments = [&[two.path()], flags].concat();
        assert_mistake(&run("replay", &arguments), &[what]);
    };
    refused(
        &[],
        "line 1: there is no column InvoiceNo; there are: Orders of May",
    );
    let skip = ["--skip-lines", "1"];
    refused(
        &skip,
        "line 2: there is no column InvoiceNo; there are: Invoice, SKU, Units",
    );
    let named = [
        "--order-column",
        "Invoice",
        "--sku-column",
        "sku",
        "--units-column",
        "Units",
    ];
    let named = [&skip[..], &named].concat();
    refused(
        &named,
        "line 3: Units \"1,200\" may be thousands: write it without the mark, or say --thousands",
    );
    refused(&["--skip-lines", "99"], "no header line below the 99 lines");
    let all = [
        &[two.path(), "--thousands", "--cover", "1", "--json"],
        &named[..],
    ]
    .concat();
    assert_eq!(figures(&json(&run("replay", &all), 0))[4], 1_200);
}

#[test]
fn a_log_that_cannot_be_read_is_refused() {
    let refused = |content: &str, what| {
        let log = TempFile::new("bad.csv", content);
        assert_mistake(&run("replay", &[log.path()]), &[log.path(), what]);
    };
    refused("", "is empty");
    refused(
        "InvoiceNo,Quantity\n1,2\n",
        "line 1: there is no column StockCode",
    );
    for (records, what) in [
        ("", "holds no orders"),
        (
            "1,a,2\n\n1,b,x\n",
            "line 4: Quantity \"x\" is no whole number",
        ),
        ("1,a,2\r\n1,b\r\n", "line 3: 2 fields"),
        ("1,a,2\n,b,1\n", "line 3: InvoiceNo is empty"),
        (
            "1,a,9223372036854775807\n1,a,1\n",
            "line 3: the quantities up to here",
        ),
        (
            "1,a,-9223372036854775808\n",
            "line 2: the quantities up to here",
        ),
        (
            "1,a,9223372036854775808\n",
            "line 2: Quantity \"9223372036854775808\" is no whole number",
        ),
        ("1,a,9223372036854775807\n", "SKU a needs room for"),
    ] {
        refused(&format!("InvoiceNo,StockCode,Quantity\n{records}"), what);
    }
    assert_mistake(
        &run("replay", &["no/such.csv"]),
        &["no/such.csv: cannot be read"],
    );
}

#[test]
fn a_replay_that_cannot_be_is_refused() {
    let log = TempFile::new("options.csv", LOG);
    for (arguments, what) in [
        (["--cover", "-0.1"], "from 0 to 1000"),
        (["--cover", "NaN"], "from 0 to 1000"),
        (["--cover", "inf"], "from 0 to 1000"),
        (["--cover", "1e300"], "from 0 to 1000"),
        (["--threads", "0"], "0 is not in 1..=1024"),
        (["--threads", "-1"], "--threads <THREADS>': a whole number"),
        (["--threads", "1e9"], "--threads <THREADS>': a whole number"),
        (
            ["--skip-lines", "-1"],
            "'--skip-lines <LINES>': a whole number",
        ),
        (
            ["--skip-lines", "18446744073709551616"],
            "the number is too large",
        ),
        (["--segments", "0"], "0 is not in 1..=1024"),
        (["--counter", "guess"], "'guess'"),
    ] {
        let output = run("replay", &[&arguments[..], &[log.path()]].concat());
        assert_mistake(&output, &[what]);
    }
    assert_mistake(&run("replay", &[]), &["<ORDERS>"]);
}

#[test]
fn checkout_sells_what_customers_know_of() {
    let output = run(
        "checkout",
        &["--customers", "300", "--units", "200", "--json"],
    );
    let result = json(&output, 0);
    assert_eq!(result["audit"], "passed");
    assert_eq!(result["reserved"], 0);
    let sum = |key: &str| result[key].as_u64().unwrap();
    assert_eq!(sum("available") + sum("sold"), 200);
    let outcomes = result["outcomes"].as_object().unwrap();
    let orders = outcomes.values().map(|o| o["orders"].as_u64().unwrap());
    assert_eq!(orders.sum::<u64>(), 300, "each customer has an answer");
    for outcome in ["sold", "payment declined", "task cancelled"] {
        assert!(outcomes.contains_key(outcome), "nobody was {outcome}");
    }
}

#[test]
fn checkout_names_mistakes() {
    assert_mistake(&run("checkout", &["--units", "-1"]), &["--units", "-1"]);
    assert_mistake(
        &run("checkout", &["--customers", "0"]),
        &["--customers", "0"],
    );
}

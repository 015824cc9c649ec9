//! Examples: what a request says, and what it is answered.

use serde_json::{Value, json};

/// An example of the body of a request to an operation.
pub(super) fn request(operation: &str) -> Option<Value> {
    let lines = json!([{"sku": "phone", "units": 1}]);
    Some(match operation {
        "place_order" => json!({
            "lines": [{"sku": "phone", "units": 1}, {"sku": "case", "units": 2}],
            "hold_minutes": 10,
        }),
        "amend_order" => json!({"lines": [{"sku": "phone", "units": 2}]}),
        "extend_order" => json!({"hold_minutes": 30}),
        "pay_order" | "cancel_order" | "ship_order" => json!({"lines": lines}),
        "return_order" => json!({"lines": lines, "to": "written_off"}),
        "restock" => json!({"units": 100}),
        "count" => json!({"units": 97}),
        "write_off" => json!({"units": 2}),
        "limit" => json!({"safety": 5, "waiting": 20, "unpaid": 80, "low": 10}),
        "move_units" | "send_units" => json!({"to": "case", "units": 4}),
        "arrive" => json!({"sending": 21, "units": 3, "lost": 1}),
        "import_stock" => json!("sku,units\nphone,5\ncase,12\n"),
        _ => return None,
    })
}

/// An example of what an operation answers with this status.
pub(super) fn answer(operation: &str, status: &str) -> Option<Value> {
    let stock = |changed: Value| {
        let stock = json!({"sku": "phone", "available": 93, "on_hand": 97, "limits": {"low": 10}});
        let mut stock = stock;
        if !changed.is_null() {
            stock["changed"] = changed;
        }
        stock
    };
    Some(match (operation, status) {
        ("place_order", "201") => json!({
            "id": "4f1c7e0a-order",
            "number": 6,
            "state": "held",
            "placed_at": "2026-11-25T22:00:00Z",
            "expires_in": 600,
            "expires_at": "2026-11-25T22:10:00Z",
            "lines": [
                {"sku": "phone", "units": 1, "held": 1},
                {"sku": "case", "units": 2, "held": 2},
            ],
            "changed": {"units": 3, "refunded": 0, "late": 0},
        }),
        ("place_order", "409") => json!({
            "type": "https://github.com/segstock/segstock/blob/main/service/README.md#out-of-stock",
            "title": "Out of stock",
            "status": 409,
            "detail": "out of stock: last-one (2 requested, 1 available)",
            "short_lines": [{"sku": "last-one", "requested": 2, "available": 1}],
        }),
        ("show_order", "200") => json!({
            "id": "4f1c7e0a-order",
            "number": 6,
            "state": "paid",
            "placed_at": "2026-11-25T22:00:00Z",
            "lines": [{"sku": "phone", "units": 2, "paid": 1, "shipped": 1}],
        }),
        ("show_stock", "200") => stock(Value::Null),
        ("count", "200") => stock(json!({"difference": -3, "uncovered": 0})),
        ("send_units", "200") => json!({
            "sku": "phone", "available": 89, "on_hand": 93, "on_the_way": 4,
            "changed": {"difference": -4, "uncovered": 0, "sending": 21},
        }),
        ("list_sendings", "200") => {
            json!({"sendings": [{"sending": 21, "from": "phone", "to": "case", "units": 4}]})
        }
        ("list_backups", "200") => json!({
            "directory": "/var/lib/segstock",
            "backups": [{
                "file": "segstock.db.2026-11-26T15-00-00Z",
                "begun_at": "2026-11-26T15:00:00Z",
                "age": 3600,
                "bytes": 1_404_928,
                "whole": true,
            }],
        }),
        ("import_stock", "200") => json!({
            "lines": 2, "skus": 2, "opened": 0, "before": 0, "difference": 17, "dry_run": false,
        }),
        _ => return None,
    })
}

//! Snapshots that are refused, and the forms in which one is read.

use super::*;
use segstock::inventory::RestoreError;

#[track_caller]
fn refused(kept: Value) -> RestoreError<String> {
    let kept: InventorySnapshot<String, String> = serde_json::from_value(kept).unwrap();
    Inventory::builder().restore(&kept).unwrap_err()
}

#[test]
fn what_cannot_be_true_is_refused() {
    let a = || "a".to_owned();
    let mut version = kept();
    version["version"] = json!(2);
    let error = refused(version);
    assert_eq!(error, RestoreError::UnknownVersion(2));
    assert_eq!(error.to_string(), "a snapshot of version 2; this reads 1");

    let mut twice = kept();
    let row = twice["skus"][0].clone();
    twice["skus"].as_array_mut().unwrap().push(row);
    assert_eq!(refused(twice), RestoreError::DuplicateSku(a()));
    // Also where only one of them has what is held.
    let mut twice = kept();
    let mut row = twice["skus"][0].clone();
    row["snapshot"]["reserved"] = json!(1);
    row["snapshot"]["available"] = json!(6);
    twice["skus"].as_array_mut().unwrap().push(row);
    let error = refused(twice);
    assert_eq!(error, RestoreError::DuplicateSku(a()));
    assert_eq!(error.to_string(), "SKU a stands in the snapshot twice");

    for sum in [
        "initial",
        "restocked",
        "available",
        "sold",
        "moved_out",
        "owed",
        "withdrawn",
    ] {
        let mut sums = kept();
        let was = sums["skus"][0]["snapshot"][sum].as_u64().unwrap();
        sums["skus"][0]["snapshot"][sum] = json!(was + 1);
        let error = refused(sums);
        assert_eq!(error, RestoreError::Sums(a()), "{sum}");
        assert_eq!(error.to_string(), "the sums of SKU a do not add up");
    }

    // It adds up, but more is owed than was ever withdrawn.
    let mut conjured = kept();
    conjured["skus"][0]["snapshot"]["owed"] = json!(2);
    conjured["skus"][0]["snapshot"]["withdrawn"] = json!(1);
    conjured["skus"][0]["snapshot"]["available"] = json!(6);
    assert_eq!(refused(conjured), RestoreError::Sums(a()));

    let mut owing = kept();
    owing["skus"][0]["snapshot"]["owed"] = json!(MAX_UNITS + 1);
    owing["skus"][0]["snapshot"]["withdrawn"] = json!(MAX_UNITS + 1);
    let error = refused(owing);
    assert_eq!(error, RestoreError::TooManyUnits(a()));
    assert!(error.to_string().ends_with("on hand or owed"));

    let mut many = kept();
    many["skus"][0]["snapshot"]["available"] = json!(MAX_UNITS);
    many["skus"][0]["snapshot"]["initial"] = json!(MAX_UNITS + 5);
    assert_eq!(refused(many), RestoreError::TooManyUnits(a()));

    let mut huge = kept();
    huge["skus"][0]["snapshot"]["reserved"] = json!(u64::MAX);
    huge["skus"][0]["snapshot"]["on_the_way"] = json!(3);
    assert_eq!(refused(huge), RestoreError::TooManyUnits(a()));

    let mut conjured = kept();
    conjured["skus"][0]["snapshot"]["available"] = json!(8);
    conjured["skus"][0]["snapshot"]["sold"] = json!(0);
    conjured["skus"][0]["snapshot"]["reserved"] = json!(3);
    conjured["skus"][0]["snapshot"]["written_off"] = json!(u64::MAX);
    assert_eq!(refused(conjured), RestoreError::Sums(a()));

    // 10 came; with what went it wraps to 10.
    let mut wraps = kept();
    wraps["skus"][0]["snapshot"]["sold"] = json!(4);
    wraps["skus"][0]["snapshot"]["written_off"] = json!(u64::MAX);
    assert_eq!(refused(wraps), RestoreError::Sums(a()));

    for lines in [
        json!([["a", 3]]),
        json!([["b", 1]]),
        json!([["a", 2], ["a", 1]]),
    ] {
        let mut held = kept();
        held["holds"][0]["lines"] = lines;
        let error = refused(held);
        assert!(matches!(error, RestoreError::NotReserved(_)));
        assert!(error.to_string().contains("held than are reserved"));
    }
    for (lines, wrong, text) in [
        (json!([]), RestoreError::EmptyHold, "a hold has no lines"),
        (
            json!([["a", 1], ["a", 0]]),
            RestoreError::ZeroUnits(a()),
            "a hold has a line of no units of SKU a",
        ),
    ] {
        let mut held = kept();
        held["holds"][0]["lines"] = lines;
        let error = refused(held);
        assert_eq!((error.to_string(), error), (text.to_owned(), wrong));
    }

    let mut hold = kept();
    hold["holds"][0]["lines"] = json!([["a", 1]]);
    let row = hold["holds"][0].clone();
    hold["holds"].as_array_mut().unwrap().push(row);
    let error = refused(hold);
    assert_eq!(error, RestoreError::DuplicateHold);
    assert_eq!(error.to_string(), "a hold stands in the snapshot twice");
}

/// Whatever another version looks like, it is refused as what it is.
#[test]
fn another_version_may_have_another_form() {
    for text in [
        r#"{"version":7,"skus":"elsewhere","holds":7}"#,
        r#"{"version":7}"#,
        r#"{"made_by":[],"version":7,"locations":[{}]}"#,
        "[7]",
    ] {
        let kept: InventorySnapshot<String, String> = serde_json::from_str(text).unwrap();
        let refused = Inventory::builder().restore(&kept).unwrap_err();
        assert_eq!(refused, RestoreError::UnknownVersion(7));
    }
}

#[test]
fn what_is_no_snapshot_is_an_error_of_the_format() {
    for (text, wrong) in [
        ("{}", "missing field `version`"),
        (r#"{"version":1,"holds":[]}"#, "missing field `skus`"),
        (r#"{"version":1,"skus":[]}"#, "missing field `holds`"),
        (r#"{"version":1,"version":1}"#, "duplicate field `version`"),
        (
            r#"{"version":1,"skus":[],"skus":[]}"#,
            "duplicate field `skus`",
        ),
        (
            r#"{"version":1,"holds":[],"holds":[]}"#,
            "duplicate field `holds`",
        ),
        ("[]", "invalid length 0"),
        ("[1]", "invalid length 1"),
        ("[1,[]]", "invalid length 2"),
        ("[1,[],[]]", "invalid length 3"),
        (
            r#"{"version":1,"skus":[],"holds":[]}"#,
            "missing field `resolved`",
        ),
        (
            r#"{"version":1,"resolved":[],"resolved":[]}"#,
            "duplicate field `resolved`",
        ),
        ("7", "the snapshot of an inventory"),
    ] {
        let error = serde_json::from_str::<InventorySnapshot<String>>(text).unwrap_err();
        assert!(error.to_string().contains(wrong), "{error} for {text}");
    }
}

/// A format without names, and fields that are not known.
#[test]
fn a_snapshot_is_read_in_every_form() {
    let kept = kept();
    let in_sequence = json!([
        kept["version"],
        kept["skus"],
        kept["holds"],
        kept["resolved"]
    ]);
    let mut with_more = kept.clone();
    with_more["made_by"] = json!({"name": "x"});
    let read = |value| serde_json::from_value::<InventorySnapshot<String, String>>(value).unwrap();
    assert_eq!(read(in_sequence), read(kept.clone()));
    assert_eq!(read(with_more), read(kept));
}

/// The sums of a SKU's life are modulo 2^64: one that wraps is in the way of nothing but keeping it.
#[test]
fn a_sum_that_wraps_cannot_be_kept() {
    let mut all_written_off = kept();
    let snapshot = &mut all_written_off["skus"][0]["snapshot"];
    snapshot["restocked"] = json!(u64::MAX);
    snapshot["written_off"] = json!(u64::MAX);
    let kept: InventorySnapshot<String, String> = serde_json::from_value(all_written_off).unwrap();
    let (shop, _) = Inventory::builder().restore(&kept).unwrap();
    shop.write_off("a", 1).unwrap();
    let snapshot = shop.get("a").unwrap();
    assert_eq!(
        (snapshot.available, snapshot.sold),
        (6, 3),
        "five, and two that were held"
    );
    assert_eq!(snapshot.written_off, 0, "2^64");
    let again = Inventory::<String>::builder().restore(&shop.snapshot());
    assert_eq!(again.unwrap_err(), RestoreError::Sums("a".to_owned()));
}

#[test]
fn an_error_of_the_format_names_the_field() {
    let error = serde_json::from_str::<InventorySnapshot<String>>(
        r#"{"version":1,"skus":[{"sku":"a","snapshot":{"initial":-1}}],"holds":[]}"#,
    );
    assert!(error.unwrap_err().to_string().contains("-1"));
}

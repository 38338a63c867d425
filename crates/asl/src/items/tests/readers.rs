use crate::items::{
    Delimiter, Format, Headers, ITEMS_MAX, Items, Listed, ManifestKind, ReaderRequest, Reading, Source,
    listing, manifest,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write as _;

fn request(format: Format) -> ReaderRequest {
    ReaderRequest {
        resource: "arn:aws:states:::s3:getObject".to_owned(),
        parameters: serde_json::Map::new(),
        input_type: Some(format),
        headers: Headers::FirstRow,
        delimiter: Delimiter::default(),
        manifest: None,
        max_items: None,
        items_pointer: None,
        load_and_flatten: false,
    }
}

fn read(request: &ReaderRequest, text: &str) -> Result<Items, String> {
    let mut reading = Reading::new(request);
    reading.read(request, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(reading.finish("S3://b/k".to_owned()))
}

fn items(request: &ReaderRequest, text: &str) -> Value {
    Value::Array(read(request, text).unwrap_or_else(|error| panic!("{error}: {text}")).items)
}

fn refused(request: &ReaderRequest, text: &str) -> String {
    match read(request, text) {
        Ok(items) => panic!("{text} gave {items:?}"),
        Err(error) => error,
    }
}

fn given(headers: &[&str]) -> ReaderRequest {
    let headers = headers.iter().map(|&header| header.to_owned()).collect();
    ReaderRequest { headers: Headers::Given(headers), ..request(Format::Csv) }
}

#[test]
fn rows_are_filled_up_and_cut_to_the_headers() {
    let rows = "H1,\nValue4,Value5,Value6\n,,,\ntrue,1,'x'\nNull,None,\n   \n";
    let expected = json!([
        {"H1": "Value4", "": "Value5"}, {"H1": "", "": ""}, {"H1": "true", "": "1"},
        {"H1": "Null", "": "None"}, {"H1": "   ", "": ""}
    ]);
    assert_eq!(items(&request(Format::Csv), rows), expected);
}

#[test]
fn quotes_backslashes_and_line_ends_are_read() {
    let two = given(&["a", "b"]);
    for (text, expected) in [
        ("\"x, y\",\"say \"\"hi\"\"\"", json!([{"a": "x, y", "b": "say \"hi\""}])),
        ("\"two\nlines\",2\r\n3,4", json!([{"a": "two\nlines", "b": "2"}, {"a": "3", "b": "4"}])),
        ("1\\,2,\\\"q\\\"", json!([{"a": "1,2", "b": "\"q\""}])),
        ("c:\\\\d,\\n", json!([{"a": "c:\\d", "b": "n"}])),
        ("\n\n1,2\n\n3,4\n\n", json!([{"a": "1", "b": "2"}, {"a": "3", "b": "4"}])),
        ("a\"b,\"c\"d", json!([{"a": "a\"b", "b": "cd"}])),
        ("\"never closed", json!([{"a": "never closed", "b": ""}])),
        ("\u{feff}1,2", json!([{"a": "1", "b": "2"}])),
        ("", json!([])),
        ("1,2\\", json!([{"a": "1", "b": "2"}])),
    ] {
        assert_eq!(items(&two, text), expected, "{text:?}");
    }
}

#[test]
fn each_delimiter_divides() {
    for delimiter in ['|', ';', ' ', '\t'] {
        let request = ReaderRequest { delimiter: Delimiter(delimiter), ..request(Format::Csv) };
        let text = format!("a{delimiter}b\n1,1{delimiter}2");
        assert_eq!(items(&request, &text), json!([{"a": "1,1", "b": "2"}]));
    }
}

#[test]
fn headers_must_differ_and_be_short() {
    assert_eq!(refused(&given(&["H1", "H1"]), "1,2"), "CSV headers cannot contain duplicates.");
    assert_eq!(refused(&request(Format::Csv), "a,b,a\n1,2,3"), "CSV headers cannot contain duplicates.");
    let long = format!("{},b\n1,2", "a".repeat(10 * 1024));
    assert!(refused(&request(Format::Csv), &long).contains("10 KiB"));
}

#[test]
fn json_must_be_a_list() {
    let json = request(Format::Json);
    assert_eq!(items(&json, " [1, {\"a\": [2]}, null] "), json!([1, {"a": [2]}, null]));
    for text in ["{\"Hello\": \"world\"}", "1", "\"text\"", "null"] {
        assert_eq!(refused(&json, text), "Attempting to map over non-iterable node.", "{text}");
    }
    for text in ["", "[1,", "[1] 2", "nonsense"] {
        assert!(refused(&json, text).starts_with("The object is not valid JSON"), "{text}");
    }
    let deep = format!("[{}{}]", "[".repeat(500), "]".repeat(500));
    assert!(refused(&json, &deep).contains("recursion limit"));
}

#[test]
fn a_pointer_leads_into_the_document() {
    let at =
        |pointer: &str| ReaderRequest { items_pointer: Some(pointer.to_owned()), ..request(Format::Json) };
    let text = r#"{"a": {"b": [[1, 2], [3]]}, "x/y": {"~": [4]}, "o": {"k": 1, "l": 2}, "n": 5}"#;
    assert_eq!(items(&at("/a/b/0"), text), json!([1, 2]));
    assert_eq!(items(&at("/a/b"), text), json!([[1, 2], [3]]));
    assert_eq!(items(&at("/x~1y/~0"), text), json!([4]));
    assert_eq!(items(&at(""), "[6]"), json!([6]));
    let members = read(&at("/o"), text).expect("an object will do");
    assert_eq!((members.items, members.keys), (vec![json!(1), json!(2)], Some(vec!["k".into(), "l".into()])));
    assert_eq!(refused(&at("/n"), text), "Attempting to map over non-iterable node.");
    assert!(refused(&at("/a/c"), text).contains("has no 'c'"));
    assert!(refused(&at("/a/b/7"), text).contains("has no '7'"));
    assert!(refused(&at("/n/1"), text).contains("has no '1'"));
    assert!(refused(&at("a"), text).contains("must begin with '/'"));
}

#[test]
fn lines_are_values() {
    let lines = request(Format::Jsonl);
    assert_eq!(items(&lines, "{\"a\":1}\n\n 2 \r\n[3]\n"), json!([{"a": 1}, 2, [3]]));
    assert!(refused(&lines, "1\n{oops\n").starts_with("Line 2 of the object is not valid JSON"));
}

#[test]
fn no_more_is_read_than_is_wanted() {
    let of = |format, max_items| ReaderRequest { max_items: Some(max_items), ..request(format) };
    assert_eq!(items(&of(Format::Json, 2), "[1, 2, 3]"), json!([1, 2]));
    assert_eq!(items(&of(Format::Jsonl, 2), "1\n2\nnonsense"), json!([1, 2]));
    assert_eq!(items(&of(Format::Csv, 1), "a\n1\n2"), json!([{"a": "1"}]));
    for everything in [0, 4, 100_000_000, 100_000_001, u64::MAX] {
        assert_eq!(items(&of(Format::Json, everything), "[1, 2, 3]"), json!([1, 2, 3]));
    }
}

#[test]
fn more_than_one_map_run_may_have_is_refused_and_not_cut() {
    let text = format!("[{}0]", "0,".repeat(ITEMS_MAX));
    assert!(refused(&request(Format::Json), &text).contains("more than 100000 items"));
    let some = ReaderRequest { max_items: Some(ITEMS_MAX as u64), ..request(Format::Json) };
    assert_eq!(read(&some, &text).expect("cut by MaxItems").items.len(), ITEMS_MAX);
    let more = ReaderRequest { max_items: Some(ITEMS_MAX as u64 + 1), ..request(Format::Json) };
    assert!(refused(&more, &text).contains("more than 100000 items"));
}

#[test]
fn many_short_rows_under_long_headers_are_too_large() {
    let header = "h".repeat(9_000);
    let text = format!("{header}\n{}", "1\n".repeat(8_000));
    assert!(refused(&request(Format::Csv), &text).contains("64 MiB"));
}

#[test]
fn gzip_is_unpacked_and_bounded() {
    let pack = |text: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(text).expect("to memory");
        packer.finish().expect("to memory")
    };
    let json = request(Format::Json);
    let mut reading = Reading::new(&json);
    reading.read(&json, &pack(b"[1,2]")).expect("is gzip");
    assert_eq!(reading.finish(String::new()).items, [json!(1), json!(2)]);
    let packed = pack(&vec![b' '; 65 * 1024 * 1024]);
    let error = Reading::new(&json).read(&json, &packed).expect_err("a bomb");
    assert!(error.to_string().contains("64 MiB"), "{error}");
    let error = Reading::new(&json).read(&json, &packed[..20]).expect_err("cut off");
    assert!(error.to_string().contains("gzip"), "{error}");
}

#[test]
fn an_inventory_names_its_files_and_columns() {
    let request = ReaderRequest { manifest: Some(ManifestKind::S3Inventory), ..request(Format::Csv) };
    let text = json!({
        "sourceBucket": "source", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
        "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "data/1.csv.gz", "size": 1, "MD5checksum": "x"}]
    });
    let named = manifest(&request, text.to_string().as_bytes()).expect("is one").expect("is wanted");
    assert_eq!(named.files, [("lists".to_owned(), "data/1.csv.gz".to_owned())]);
    let mut reading = Reading::new(&request);
    named.read(&request, b"\"b\",\"k%201\",\"7\"\n", &mut reading).expect("rows");
    let expected = json!([{"Bucket": "b", "Key": "k%201", "Size": "7"}]);
    assert_eq!(Value::Array(reading.finish(String::new()).items), expected);
    let old = ReaderRequest { manifest: None, ..self::request(Format::Manifest) };
    assert!(manifest(&old, text.to_string().as_bytes()).expect("is one").is_some());
    assert!(manifest(&request, b"[]").is_err());
}

#[test]
fn a_query_names_its_files_by_address() {
    let request = ReaderRequest { manifest: Some(ManifestKind::AthenaData), ..request(Format::Jsonl) };
    let named =
        manifest(&request, b"s3://out/a/1.json\n\"s3://out/2.json\"\n").expect("is one").expect("is wanted");
    assert_eq!(named.files, [("out".into(), "a/1.json".into()), ("out".into(), "2.json".into())]);
    let mut reading = Reading::new(&request);
    named.read(&request, b"1\n2", &mut reading).expect("lines");
    assert_eq!(reading.finish(String::new()).items, [json!(1), json!(2)]);
    assert!(manifest(&request, b"/somewhere/else").is_err());
}

#[test]
fn listings_are_items() {
    let request = ReaderRequest { input_type: None, ..request(Format::Json) };
    let mut reading = Reading::new(&request);
    let object = Listed { key: "a/b.txt".to_owned(), bytes: 3, modified_at_s: 1_700_000_000 };
    listing(std::slice::from_ref(&object), &mut reading).expect("few");
    let item = reading.finish(String::new()).items.remove(0);
    assert_eq!(item["Key"], "a/b.txt");
    assert_eq!((&item["Size"], &item["LastModified"]), (&json!(3), &json!(1_700_000_000)));
    assert_eq!(item["StorageClass"], "STANDARD");
    assert_eq!(item["Etag"].as_str().map(str::len), Some(34));
}

#[test]
fn a_request_says_where_the_items_lie() {
    let mut request = request(Format::Csv);
    assert!(request.source().expect_err("no bucket").to_string().contains("no Bucket"));
    request.parameters.insert("Bucket".to_owned(), json!("b"));
    assert!(request.source().expect_err("no key").to_string().contains("no Key"));
    request.parameters.insert("Key".to_owned(), json!(["k"]));
    assert!(request.source().expect_err("a list").to_string().contains("must be a string"));
    request.parameters.insert("Key".to_owned(), json!("k"));
    assert_eq!(request.source(), Ok(Source::Object { bucket: "b".into(), key: "k".into() }));
    request.resource = "arn:aws:states:::s3:listObjectsV2".to_owned();
    let listing = Source::Listing { bucket: "b".into(), prefix: String::new(), start_after: None };
    assert_eq!(request.source(), Ok(listing));
    request.resource = "arn:aws:states:::sqs:receiveMessage".to_owned();
    assert!(request.source().is_err());
    let text = serde_json::to_value(&request).expect("is JSON");
    assert_eq!(ReaderRequest::from_value(&text), Ok(request));
    assert!(ReaderRequest::from_value(&json!([])).is_err());
}

proptest! {
    #[test]
    fn rows_that_were_written_are_read(
        rows in prop::collection::vec(prop::collection::vec("[a-z\",\n\\\\ ]{0,6}", 2), 0..6),
    ) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('\\', "\\\\").replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
        let text = rows.iter().map(line).collect::<Vec<_>>().join("\n");
        let expected: Vec<Value> = rows.iter().map(|row| json!({"a": row[0], "b": row[1]})).collect();
        prop_assert_eq!(items(&given(&["a", "b"]), &text), Value::Array(expected));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), pointer in "(/[a-z0-9~]{0,3}){0,3}") {
        for format in [Format::Csv, Format::Json, Format::Jsonl, Format::Manifest, Format::Parquet] {
            let request = ReaderRequest { items_pointer: Some(pointer.clone()), ..request(format) };
            let _ = Reading::new(&request).read(&request, &bytes);
            let _ = manifest(&request, &bytes);
        }
    }

    #[test]
    fn pointers_agree_with_those_of_serde(
        pointer in "(/[ab01]){0,3}",
        document in r#"\{"a":(1|\[1,\[2\]\]|\{"b":\[3\]\}),"b":(\[\]|\{\}|\[\{"a":\[4\]\}\])\}"#,
    ) {
        let whole: Value = serde_json::from_str(&document).expect("is JSON");
        let request = ReaderRequest { items_pointer: Some(pointer.clone()), ..request(Format::Json) };
        if !pointer.is_empty() {
            let expected = match whole.pointer(&pointer) {
                Some(Value::Array(items)) => Some(items.clone()),
                Some(Value::Object(members)) => Some(members.values().cloned().collect()),
                _ => None,
            };
            prop_assert_eq!(read(&request, &document).ok().map(|read| read.items), expected);
        }
    }
}

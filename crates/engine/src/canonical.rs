//! Canonical JSON: what tells a repeated start from another one, and how large a value is.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// SHA-256, in hex, of the value's canonical text: no white space, members in the order of their names' bytes.
pub(crate) fn hash(value: &Value) -> String {
    let mut sink = Hashing(Sha256::new());
    write(value, &mut sink);
    hex(&sink.0.finalize())
}

/// The length of the value's compact text in bytes of UTF-8, which is what Step Functions' payload limit counts.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub(crate) fn bytes(value: &Value) -> usize {
    let mut sink = Counting(0);
    put(&mut sink, value);
    sink.0
}

/// How deep the value's arrays and objects are nested; 0 for a scalar.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Counting(usize);

impl Write for Counting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0 += buffer.len();
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put(sink: &mut impl Write, value: &impl serde::Serialize) {
    // Neither sink can fail, and JSON values have nothing that JSON cannot write.
    let _ = serde_json::to_writer(sink, value);
}

fn write(value: &Value, sink: &mut impl Write) {
    match value {
        Value::Array(items) => {
            let _ = sink.write_all(b"[");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    let _ = sink.write_all(b",");
                }
                write(item, sink);
            }
            let _ = sink.write_all(b"]");
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            let _ = sink.write_all(b"{");
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    let _ = sink.write_all(b",");
                }
                put(sink, name);
                let _ = sink.write_all(b":");
                write(member, sink);
            }
            let _ = sink.write_all(b"}");
        }
        scalar => put(sink, scalar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_members_does_not_matter_and_everything_else_does() {
        let one: Value = serde_json::from_str(r#"{"b":[1,{"y":null,"x":"é"}],"a":true}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{ "a": true, "b": [1, {"x": "é", "y": null}] }"#).unwrap();
        assert_eq!(hash(&one), hash(&two));
        assert_eq!(hash(&json!({})), hex(&Sha256::digest(b"{}")));
        for other in
            [json!({"a": true}), json!([true, 1]), json!({"a": true, "b": [{"x": "é", "y": null}, 1]})]
        {
            assert_ne!(hash(&one), hash(&other));
        }
    }

    #[test]
    fn depths_count_containers() {
        for (value, expected) in [(json!(1), 0), (json!([]), 1), (json!({"a": [1, {"b": 2}]}), 3)] {
            assert_eq!(depth(&value), expected, "{value}");
        }
    }

    #[test]
    fn sizes_count_bytes() {
        for (value, expected) in
            [(json!("a"), 3), (json!("é"), 4), (json!({"a": [1, 2]}), 11), (json!("\n"), 4)]
        {
            assert_eq!(bytes(&value), expected, "{value}");
        }
    }
}

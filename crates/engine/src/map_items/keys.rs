//! Objects' keys as blobs' keys, and back.
//!
//! A blob's key is stricter than an object's: `A-Z a-z 0-9 . _ -` in segments that are neither empty nor `.` nor `..` nor
//! longer than 254 bytes. What does not fit is escaped, and nothing else: `_x` and two hex digits stand for a byte; `_x`
//! alone for an empty segment; `_x-` at a segment's end says that the segment goes on in the next one.

/// Longest segment, less the mark that it goes on.
const SEGMENT_BYTES_MAX: usize = 254 - 3;

/// The key of the blob that holds an object: the bucket, then the object's key. An empty key gives the prefix of all the
/// bucket's objects.
pub fn blob_key(bucket: &str, key: &str) -> String {
    let mut name = String::new();
    segment(&mut name, bucket);
    name.push('/');
    if key.is_empty() {
        return name;
    }
    for (place, part) in key.split('/').enumerate() {
        if place > 0 {
            name.push('/');
        }
        segment(&mut name, part);
    }
    name
}

fn segment(name: &mut String, part: &str) {
    if part.is_empty() {
        return name.push_str("_x");
    }
    let all_dots = part == "." || part == "..";
    let mut length = 0;
    for (place, byte) in part.bytes().enumerate() {
        let escapes_itself = byte == b'_' && part.as_bytes().get(place + 1) == Some(&b'x');
        let fits = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let plain = fits && !escapes_itself && !all_dots;
        let bytes = if plain { 1 } else { 4 };
        if length + bytes > SEGMENT_BYTES_MAX {
            name.push_str("_x-/");
            length = 0;
        }
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("_x{byte:02X}"));
        }
        length += bytes;
    }
}

/// Bucket and key of the object that a blob holds; `None` where it is none's.
pub(super) fn object_key(name: &str) -> Option<(String, String)> {
    let mut parts = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for part in name.split('/') {
        let mut bytes = open.take().unwrap_or_default();
        if unescape(part, &mut bytes)? {
            open = Some(bytes);
        } else {
            parts.push(String::from_utf8(bytes).ok()?);
        }
    }
    if open.is_some() || parts.len() < 2 {
        return None;
    }
    let key = parts.split_off(1).join("/");
    Some((parts.pop()?, key))
}

/// Appends what a segment stands for; whether it goes on in the next one.
fn unescape(part: &str, bytes: &mut Vec<u8>) -> Option<bool> {
    if part == "_x" {
        return Some(false);
    }
    let mut rest = part;
    while let Some(place) = rest.find("_x") {
        bytes.extend_from_slice(&rest.as_bytes()[..place]);
        let escape = &rest[place + 2..];
        if escape == "-" {
            return Some(true);
        }
        bytes.push(u8::from_str_radix(escape.get(..2)?, 16).ok()?);
        rest = &escape[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(false)
}

//! Texts that must not be seen, and the forms in which they could be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Bytes that a search looks up first; no form is shorter.
const START: usize = 8;

/// What is known, by the name under which a finding is told.
#[derive(Default)]
pub struct Known {
    forms: Vec<(String, Vec<u8>)>,
    by_start: HashMap<[u8; START], Vec<usize>>,
}

impl Known {
    /// A token or secret: its text, the bytes that it writes in base64, and both again in base64 and hex.
    pub fn secret(&mut self, name: &str, text: &str) {
        self.text(name, text);
        let payload = text.rsplit_once('_').filter(|(start, _)| start.len() < START).map_or(text, |(_, p)| p);
        self.form(name, payload.as_bytes());
        let raw = STANDARD.decode(payload).or_else(|_| URL_SAFE_NO_PAD.decode(payload));
        if let Ok(raw) = raw {
            self.bytes(name, &raw);
        }
    }

    /// A key: its bytes, in base64 and in hex.
    pub fn bytes(&mut self, name: &str, raw: &[u8]) {
        self.form(name, raw);
        self.form(name, STANDARD_NO_PAD.encode(raw).as_bytes());
        self.form(name, URL_SAFE_NO_PAD.encode(raw).as_bytes());
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        self.form(name, hex.as_bytes());
    }

    /// A text, also where it lies within a longer one that was written in base64.
    pub fn text(&mut self, name: &str, text: &str) {
        self.form(name, text.as_bytes());
        for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
            let padded = [&[0; 2][..before], text.as_bytes()].concat();
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                // The first and the last signs also depend on the text's neighbours.
                self.form(name, &encoded.as_bytes()[cut..encoded.len() - 2]);
            }
        }
    }

    fn form(&mut self, name: &str, bytes: &[u8]) {
        let start =
            bytes.first_chunk().unwrap_or_else(|| panic!("{name} is too short to be told from chance"));
        self.by_start.entry(*start).or_default().push(self.forms.len());
        self.forms.push((name.to_owned(), bytes.to_vec()));
    }

    /// The names of what is in there.
    pub fn within(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut begins = vec![false; 1 << 16];
        let place = |a: u8, b: u8| usize::from(a) << 8 | usize::from(b);
        self.by_start.keys().for_each(|start| begins[place(start[0], start[1])] = true);
        for (at, pair) in bytes.windows(2).enumerate() {
            if !begins[place(pair[0], pair[1])] {
                continue;
            }
            let rest = &bytes[at..];
            let forms = rest.first_chunk().and_then(|start: &[u8; START]| self.by_start.get(start));
            for form in forms.into_iter().flatten() {
                let (name, bytes) = &self.forms[*form];
                if rest.starts_with(bytes) {
                    found.insert(name.as_str());
                }
            }
        }
        found
    }

    /// What lies open in the files of a folder and of those in it, but for the files with these names: `file: name`.
    pub fn in_files(&self, whole: &Path, but: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![whole.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !but.contains(&name.as_str()) {
                    let bytes = match std::fs::read(&path) {
                        // A draft that has its place by now: everything is looked through again.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                            return self.in_files(whole, but);
                        }
                        bytes => bytes.expect("the file can be read"),
                    };
                    found.extend(self.within(&bytes).into_iter().map(|secret| format!("{name}: {secret}")));
                }
            }
        }
        found
    }
}

#[test]
fn every_form_is_found_and_nothing_else() {
    let mut known = Known::default();
    let secret = format!("whsec_{}", STANDARD.encode([7, 250, 62, 255, 1, 99, 130, 17, 5, 6]));
    known.secret("the secret", &secret);
    known.bytes("the key", b"thirty-two raw bytes of a key...");
    let raw = [7, 250, 62, 255, 1, 99, 130, 17, 5, 6];
    for before in ["", "x", "xy", "xyz"] {
        let sentence = format!("{before}{secret}, and so on");
        for form in [sentence.clone(), STANDARD.encode(&sentence), URL_SAFE_NO_PAD.encode(&sentence)] {
            assert_eq!(known.within(form.as_bytes()), BTreeSet::from(["the secret"]), "{form}");
        }
    }
    assert_eq!(known.within(&[b"..", &raw[..]].concat()), BTreeSet::from(["the secret"]));
    assert_eq!(known.within(b"07fa3eff016382110506"), BTreeSet::from(["the secret"]));
    assert_eq!(known.within(b"= thirty-two raw bytes of a key..."), BTreeSet::from(["the key"]));
    assert!(known.within(b"whsec_ and thirty-two raw bytes of another key").is_empty());
    assert!(known.within(&raw[..9]).is_empty() && known.within(b"").is_empty());
}

//! A zip with one executable, the same for the same bytes: no time, no owner, one way to compress.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use flate2::{Compression, Crc, write::DeflateEncoder};
use std::io::Write as _;

/// 1980-01-01 00:00, the first moment that the format knows.
const TIME: u16 = 0;
const DATE: u16 = (1 << 5) | 1;
const DEFLATE: u16 = 8;
/// Version 2.0 of the format, which has all that is used here.
const VERSION: u16 = 20;
/// Written on Unix: then the attributes hold a mode.
const UNIX: u16 = 3 << 8;
/// A regular file that everybody may read and run.
const MODE: u32 = 0o100_755;

/// A zip in which `name` is an executable file.
///
/// # Errors
/// The file is too large for the format's first version (4 GB).
pub(crate) fn of_executable(name: &str, content: &[u8]) -> Result<Vec<u8>, String> {
    let mut crc = Crc::new();
    crc.update(content);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed =
        encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|error| error.to_string())?;
    let length =
        |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| "it is too large for a zip".to_owned());
    let name_length = u16::try_from(name.len()).map_err(|_| "its name is too long for a zip".to_owned())?;

    // What both headers of a file say of it.
    let mut about = Vec::new();
    for value in [VERSION, 0, DEFLATE, TIME, DATE] {
        about.extend(value.to_le_bytes());
    }
    for value in [crc.sum(), length(&packed)?, length(content)?] {
        about.extend(value.to_le_bytes());
    }
    about.extend(name_length.to_le_bytes());
    about.extend(0_u16.to_le_bytes());

    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&about);
    zip.extend(name.as_bytes());
    zip.extend(packed);

    let directory = length(&zip)?;
    zip.extend(b"PK\x01\x02");
    zip.extend((UNIX | VERSION).to_le_bytes());
    zip.extend(&about);
    // No comment, the first disk, no inner attributes.
    zip.extend([0_u8; 6]);
    zip.extend((MODE << 16).to_le_bytes());
    zip.extend(0_u32.to_le_bytes());
    zip.extend(name.as_bytes());
    let end = length(&zip)?;

    zip.extend(b"PK\x05\x06");
    for value in [0_u16, 0, 1, 1] {
        zip.extend(value.to_le_bytes());
    }
    zip.extend((end - directory).to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend(0_u16.to_le_bytes());
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_same_bytes_are_the_same_zip_and_others_are_not() {
        let zip = |content: &[u8]| of_executable("bootstrap", content).unwrap();
        assert_eq!(zip(b"one"), zip(b"one"));
        assert_ne!(zip(b"one"), zip(b"two"));
    }

    #[test]
    fn another_program_reads_it_and_finds_an_executable() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let path = std::env::temp_dir().join(format!("tenantry-package-{}.zip", std::process::id()));
        std::fs::write(&path, of_executable("bootstrap", &content).unwrap()).unwrap();
        let script = "import sys, zipfile\n\
                      z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None\n\
                      [i] = z.infolist(); print(i.filename, oct(i.external_attr >> 16), i.date_time[0], len(z.read(i)))";
        let read = Command::new("python3").args(["-c", script]).arg(&path).output();
        std::fs::remove_file(&path).unwrap();
        let Ok(read) = read else {
            eprintln!("NOT TESTED: whether another program reads the zip: there is no python3");
            return;
        };
        let text = String::from_utf8_lossy(&read.stdout);
        assert_eq!(
            text.trim(),
            "bootstrap 0o100755 1980 400000",
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
}

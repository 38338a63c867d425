//! What an executable asks of the C library: the version needs of its dynamic section.
//! <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>

/// `SHT_GNU_verneed`.
const VERSION_NEEDS: u32 = 0x6fff_fffe;

/// A little-endian file of 64 bits, read with every bound checked.
struct Elf<'a>(&'a [u8]);

impl Elf<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], String> {
        let end = at.checked_add(N);
        let piece = end.and_then(|end| self.0.get(at..end)?.try_into().ok());
        piece.ok_or_else(|| "it is cut off, or no executable for Linux".to_owned())
    }

    fn half(&self, at: usize) -> Result<usize, String> {
        Ok(u16::from_le_bytes(self.bytes(at)?).into())
    }

    fn word(&self, at: usize) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes(at)?))
    }

    fn offset(&self, at: usize) -> Result<usize, String> {
        usize::try_from(u64::from_le_bytes(self.bytes(at)?)).map_err(|_| "an offset is too large".to_owned())
    }

    fn text(&self, at: usize) -> Result<&str, String> {
        let rest = self.0.get(at..).ok_or("a name lies outside the file")?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or("a name has no end")?;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name is no text".to_owned())
    }
}

/// The newest version of GLIBC that the executable needs symbols of; `None` where it needs none, as when it is linked
/// statically.
///
/// # Errors
/// It is no little-endian ELF file of 64 bits, or its tables contradict themselves; in words.
pub(crate) fn newest_glibc(file: &[u8]) -> Result<Option<(u32, u32)>, String> {
    let elf = Elf(file);
    if elf.bytes(0)? != *b"\x7fELF\x02\x01" {
        return Err("it is no executable for 64-bit Linux".to_owned());
    }
    let (headers, size, count) = (elf.offset(0x28)?, elf.half(0x3a)?, elf.half(0x3c)?);
    let header = |index: usize| headers.saturating_add(index.saturating_mul(size));
    let mut newest = None;
    for section in (0..count).map(header) {
        if elf.word(section.saturating_add(0x04))? != VERSION_NEEDS {
            continue;
        }
        let names = header(elf.word(section + 0x28)? as usize);
        let (start, files) = (elf.offset(section + 0x18)?, elf.word(section + 0x2c)?);
        let names = elf.offset(names.saturating_add(0x18))?;
        newest = newest.max(newest_of(&elf, start, files, names)?);
    }
    Ok(newest)
}

/// Walks the list of libraries, and each one's list of versions.
fn newest_of(elf: &Elf<'_>, start: usize, files: u32, names: usize) -> Result<Option<(u32, u32)>, String> {
    let mut newest = None;
    let mut library = start;
    for _ in 0..files {
        let versions = elf.half(library.saturating_add(0x02))?;
        let mut version = library.saturating_add(elf.word(library.saturating_add(0x08))? as usize);
        for _ in 0..versions {
            let name = names.saturating_add(elf.word(version.saturating_add(0x08))? as usize);
            newest = newest.max(parse(elf.text(name)?));
            version = version.saturating_add(elf.word(version.saturating_add(0x0c))? as usize);
        }
        library = library.saturating_add(elf.word(library.saturating_add(0x0c))? as usize);
    }
    Ok(newest)
}

/// `GLIBC_2.34` or `GLIBC_2.2.5`: major and minor.
fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_needs_a_c_library() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let (major, minor) = newest_glibc(&own).unwrap().expect("a test is linked to the C library");
        assert!(major == 2 && (2..100).contains(&minor), "{major}.{minor}");
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(parse("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(parse("GCC_3.0"), None);
        assert_eq!(parse("GLIBC_PRIVATE"), None);
        assert!(parse("GLIBC_2.4") < parse("GLIBC_2.34"), "by number, not by letter");
    }

    #[test]
    fn what_is_no_executable_is_told() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for file in [&b""[..], b"#!/bin/sh\n", &own[..0x40], &own[..own.len() / 2]] {
            assert!(newest_glibc(file).is_err());
        }
    }
}

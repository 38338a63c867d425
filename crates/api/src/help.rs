//! The help pages of the error codes: `docs/errors/*.md`, built in.

macro_rules! pages {
    ($($number:literal)*) => {
        const PAGES: &[(&str, &str)] = &[$(
            (concat!("TNT-", $number), include_str!(concat!("../../../docs/errors/TNT-", $number, ".md"))),
        )*];
    };
}

pages! {
    "0001" "0002" "0003" "0004" "0005" "0006" "0007" "0008" "0009" "0010" "0011" "0012" "0013" "0014" "0015" "0016"
    "0017" "0018" "0019"
    "0101" "0102" "0103" "0104" "0105" "0106" "0107" "0108" "0109" "0110" "0111" "0112"
    "0201" "0202" "0301" "0302" "0303" "0401" "0402" "0403" "0404" "0405"
    "0501" "0502" "0503" "0504" "0505" "0601" "0602" "0603" "0701" "0702"
}

/// The page of a code such as `TNT-0107`.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_core::ErrorCode;

    #[test]
    fn every_code_has_its_page_and_no_page_is_left_over() {
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let pages: Vec<&str> = PAGES.iter().map(|(code, _)| *code).collect();
        assert_eq!(pages, codes);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, codes.len(), "docs/errors has a page of no code");
        for code in ErrorCode::ALL {
            let text = page(code.as_str()).unwrap();
            assert!(
                text.starts_with(&format!("# {}: {}\n", code.as_str(), code.title())),
                "{}",
                code.as_str()
            );
            for heading in ["## Why", "## What now"] {
                assert!(text.contains(heading), "{} lacks {heading}", code.as_str());
            }
        }
    }
}

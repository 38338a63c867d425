//! What a sign-up may say. Pure; each mistake has its own code and names its field.

use super::NewTenant;
use std::collections::BTreeMap;
use tenantry_core::model::{Catalogue, Isolation, Plan};
use tenantry_core::{Error, ErrorCode, Result, limits};

/// A sign-up whose every field was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedTenant {
    pub(super) isolation: Isolation,
    pub(super) region: String,
}

/// Checks all fields, in the order of the request.
pub(super) fn tenant(request: &NewTenant, catalogue: &Catalogue) -> Result<CheckedTenant> {
    name(&request.name, limits::TENANT_NAME_LENGTH_MAX)?;
    let plan = plan(&request.plan, catalogue)?;
    email(&request.admin_email)?;
    if let Some(text) = &request.slug {
        slug(text)?;
    }
    let region = region(request.region.as_deref(), catalogue)?;
    let isolation = isolation(request.isolation.as_deref(), plan)?;
    if let Some(text) = &request.external_id {
        external_id(text)?;
    }
    metadata(&request.metadata)?;
    Ok(CheckedTenant { isolation, region })
}

/// Characters that take no ink or change how others are read: controls, bidirectional overrides, zero-width spaces,
/// line separators, tags, private use and noncharacters. The joiners U+200C and U+200D stay: names need them.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe)
}

fn is_visible(c: char) -> bool {
    is_printable(c) && !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}')
}

/// A name for people, of a tenant, a service or a subscription.
pub(super) fn name(text: &str, length_max: usize) -> Result<()> {
    let problem = if !text.chars().any(is_visible) && text.chars().all(is_printable) {
        "is empty".to_owned()
    } else if text.chars().count() > length_max {
        format!("has {} characters; at most {length_max} are allowed", text.chars().count())
    } else if let Some(c) = text.chars().find(|c| !is_printable(*c)) {
        format!("has the character U+{:04X}, which cannot be printed", u32::from(c))
    } else if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        "begins or ends with a space".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorCode::InvalidName, format!("The name {problem}.")).with_field("/name"))
}

/// `a, b and c`, or `none`.
fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A caller's own word as it may stand in a detail.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

fn plan<'a>(text: &str, catalogue: &'a Catalogue) -> Result<&'a Plan> {
    catalogue.plan(text).ok_or_else(|| {
        let known = listed(catalogue.plans.keys().map(String::as_str));
        let detail = format!("There is no plan {}. The plans are: {known}.", shown(text));
        Error::new(ErrorCode::UnknownPlan, detail).with_field("/plan")
    })
}

fn region(text: Option<&str>, catalogue: &Catalogue) -> Result<String> {
    let text = text.unwrap_or(&catalogue.default_region);
    if catalogue.has_region(text) {
        return Ok(text.to_owned());
    }
    let known = listed(catalogue.regions().into_iter());
    let detail = format!("There is no region {}. The regions are: {known}.", shown(text));
    Err(Error::new(ErrorCode::UnknownRegion, detail).with_field("/region"))
}

fn isolation(text: Option<&str>, plan: &Plan) -> Result<Isolation> {
    let found = match text {
        None => plan.isolations.first(),
        Some(text) => plan.isolations.iter().find(|isolation| isolation.as_str() == text),
    };
    found.copied().ok_or_else(|| {
        let offered = listed(plan.isolations.iter().map(|isolation| isolation.as_str()));
        let wanted = shown(text.unwrap_or_default());
        let detail =
            format!("The plan {} does not offer the isolation {wanted}. It offers: {offered}.", plan.name);
        Error::new(ErrorCode::InvalidIsolation, detail).with_field("/isolation")
    })
}

/// One label of a DNS name (RFC 1123), lower case.
pub(super) fn slug(text: &str) -> Result<()> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges = bytes.first().zip(bytes.last()).is_some_and(|(a, z)| alphanumeric(*a) && alphanumeric(*z));
    let good = bytes.len() <= limits::SLUG_LENGTH_MAX
        && edges
        && bytes.iter().all(|b| alphanumeric(*b) || *b == b'-')
        && !text.starts_with("xn--");
    if good {
        return Ok(());
    }
    let detail = format!(
        "A slug is 1 to {} lower-case letters, digits and hyphens, begins and ends with a letter or digit, and does \
         not begin with xn--.",
        limits::SLUG_LENGTH_MAX
    );
    Err(Error::new(ErrorCode::InvalidSlug, detail).with_field("/slug"))
}

/// `local@domain`, as far as a mail could ever be sent there (RFC 5321 section 4.1.2 without quoted local parts and
/// address literals; RFC 6531 characters beyond ASCII are taken).
fn email(text: &str) -> Result<()> {
    let local_good = |local: &str| {
        (1..=64).contains(&local.len())
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| is_visible(c) && !"()<>[]:;@\\,\"".contains(c))
    };
    let label_good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let domain_good = |domain: &str| domain.contains('.') && domain.split('.').all(label_good);
    let good = text.len() <= limits::EMAIL_LENGTH_MAX
        && text.rsplit_once('@').is_some_and(|(local, domain)| local_good(local) && domain_good(domain));
    if good {
        return Ok(());
    }
    let detail = format!(
        "The administrator's e-mail address must be of the form name@example.com, at most {} bytes.",
        limits::EMAIL_LENGTH_MAX
    );
    Err(Error::new(ErrorCode::InvalidEmail, detail).with_field("/adminEmail"))
}

fn external_id(text: &str) -> Result<()> {
    let length = text.chars().count();
    if (1..=limits::EXTERNAL_ID_LENGTH_MAX).contains(&length) && text.chars().all(is_printable) {
        return Ok(());
    }
    let detail =
        format!("The external id must be 1 to {} printable characters.", limits::EXTERNAL_ID_LENGTH_MAX);
    Err(Error::new(ErrorCode::InvalidMetadata, detail).with_field("/externalId"))
}

fn metadata(entries: &BTreeMap<String, String>) -> Result<()> {
    let refuse =
        |detail: String, field: String| Err(Error::new(ErrorCode::InvalidMetadata, detail).with_field(field));
    if entries.len() > limits::METADATA_ENTRIES_MAX {
        let detail = format!(
            "The metadata has {} entries; at most {} are allowed.",
            entries.len(),
            limits::METADATA_ENTRIES_MAX
        );
        return refuse(detail, "/metadata".to_owned());
    }
    for (key, value) in entries {
        let length = key.chars().count();
        if !(1..=limits::METADATA_KEY_LENGTH_MAX).contains(&length) || !key.chars().all(is_printable) {
            let detail = format!(
                "A metadata key must be 1 to {} printable characters; this one is {}.",
                limits::METADATA_KEY_LENGTH_MAX,
                shown(key)
            );
            return refuse(detail, "/metadata".to_owned());
        }
        if value.chars().count() > limits::METADATA_VALUE_LENGTH_MAX || value.contains('\0') {
            let pointer = format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1"));
            let detail = format!(
                "A metadata value has at most {} characters and no NUL.",
                limits::METADATA_VALUE_LENGTH_MAX
            );
            return refuse(detail, pointer);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::catalogue;

    fn request() -> NewTenant {
        NewTenant {
            name: "Acme".into(),
            plan: "pro".into(),
            admin_email: "root@acme.example".into(),
            slug: None,
            region: None,
            isolation: None,
            external_id: None,
            metadata: BTreeMap::new(),
        }
    }

    fn refusal(change: impl FnOnce(&mut NewTenant)) -> Option<(ErrorCode, String)> {
        let mut request = request();
        change(&mut request);
        let error = tenant(&request, &catalogue()).err()?;
        Some((error.code(), error.field().unwrap_or_default().to_owned()))
    }

    #[test]
    fn defaults_come_from_the_catalogue() {
        let checked = tenant(&request(), &catalogue()).unwrap();
        assert_eq!(checked, CheckedTenant { isolation: Isolation::Pool, region: "eu-west-1".into() });
        let bridge = NewTenant { isolation: Some("bridge".into()), ..request() };
        assert_eq!(tenant(&bridge, &catalogue()).unwrap().isolation, Isolation::Bridge);
    }

    #[test]
    fn names() {
        for good in ["A", "Acme & Söhne", "株式会社", "می‌خواهم", "👩‍🔬 Labs", &"x".repeat(100)]
        {
            assert_eq!(refusal(|r| r.name = good.to_owned()), None, "{good}");
        }
        for bad in [
            "",
            "   ",
            "\u{200d}",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{feff}a",
            " a",
            "a ",
            &"x".repeat(101),
        ] {
            let expected = Some((ErrorCode::InvalidName, "/name".to_owned()));
            assert_eq!(refusal(|r| r.name = bad.to_owned()), expected, "{bad:?}");
        }
    }

    #[test]
    fn slugs() {
        for good in ["a", "0", "acme", "a-b-c", "a--b", &"x".repeat(63)] {
            assert_eq!(refusal(|r| r.slug = Some(good.to_owned())), None, "{good}");
        }
        for bad in ["", "-", "-a", "a-", "A", "a_b", "a.b", "ä", "xn--a", "a b", &"x".repeat(64)] {
            let expected = Some((ErrorCode::InvalidSlug, "/slug".to_owned()));
            assert_eq!(refusal(|r| r.slug = Some(bad.to_owned())), expected, "{bad:?}");
        }
    }

    #[test]
    fn emails() {
        for good in ["a@b.co", "first.last+tag@sub.example.com", "ü@bücher.example", "o'neil@x-y.example"] {
            assert_eq!(refusal(|r| r.admin_email = good.to_owned()), None, "{good}");
        }
        let long = format!("a@{}.example", "x".repeat(250));
        for bad in [
            "", "a", "@b.co", "a@", "a@b", "a b@c.de", "a@b..co", "a@-b.co", "a@b.co\n", "a@b@c.de",
            ".a@b.co", &long,
        ] {
            let expected = Some((ErrorCode::InvalidEmail, "/adminEmail".to_owned()));
            assert_eq!(refusal(|r| r.admin_email = bad.to_owned()), expected, "{bad:?}");
        }
    }

    #[test]
    fn plan_region_isolation() {
        let pair = |code, field: &str| Some((code, field.to_owned()));
        assert_eq!(refusal(|r| r.plan = "gold".into()), pair(ErrorCode::UnknownPlan, "/plan"));
        assert_eq!(refusal(|r| r.plan = String::new()), pair(ErrorCode::UnknownPlan, "/plan"));
        let region = refusal(|r| r.region = Some("mars-1".into()));
        assert_eq!(region, pair(ErrorCode::UnknownRegion, "/region"));
        for bad in ["silo", "Pool", ""] {
            let isolation = refusal(|r| r.isolation = Some(bad.into()));
            assert_eq!(isolation, pair(ErrorCode::InvalidIsolation, "/isolation"), "{bad}");
        }
    }

    #[test]
    fn external_ids_and_metadata() {
        let pair = |field: &str| Some((ErrorCode::InvalidMetadata, field.to_owned()));
        assert_eq!(refusal(|r| r.external_id = Some(String::new())), pair("/externalId"));
        assert_eq!(refusal(|r| r.external_id = Some("x".repeat(129))), pair("/externalId"));
        assert_eq!(refusal(|r| r.external_id = Some("a#b%c".into())), None);
        let fill = |count: usize| (0..count).map(|n| (n.to_string(), "v".to_owned())).collect();
        assert_eq!(refusal(|r| r.metadata = fill(50)), None);
        assert_eq!(refusal(|r| r.metadata = fill(51)), pair("/metadata"));
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(refusal(|r| r.metadata = one("", "v")), pair("/metadata"));
        assert_eq!(refusal(|r| r.metadata = one(&"k".repeat(65), "v")), pair("/metadata"));
        assert_eq!(refusal(|r| r.metadata = one("a/b~c", &"v".repeat(513))), pair("/metadata/a~1b~0c"));
        assert_eq!(refusal(|r| r.metadata = one("note", "two\nlines")), None);
    }
}

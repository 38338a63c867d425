//! Pages of a partition, of the table or of an index.
//!
//! **A page begins by its key condition,** not by an exclusive start key: that needs the whole key of an item, of which a
//! page of an index knows only the index's sort key. One condition on the sort key is all that a query takes, so where
//! prefix and beginning meet, the range that is asked for holds up to two keys more, which are left out here.

use super::expression::Placeholders;
use super::items::{self, Stored};
use super::names;
use tenantry_core::limits;
use tenantry_core::ports::{Item, Page, PortError, Query, QueryRange};

/// What the sort key is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bounds {
    All,
    BeginsWith(String),
    Above(String),
    Below(String),
    /// From and to, both included.
    Between(String, String),
}

/// A query with its bounds worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The index's name; `None`: the table.
    pub(super) index: Option<&'static str>,
    pk: (&'static str, String),
    sk: &'static str,
    bounds: Bounds,
    prefix: String,
    after: Option<String>,
    pub(super) descending: bool,
    limit: usize,
}

/// The smallest text that is greater than every text that begins with `prefix`; none where there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if last < char::MAX {
            // Over the surrogates, which are no characters.
            let next = char::from_u32(last as u32 + 1).unwrap_or('\u{E000}');
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// `None`: nothing can be in that range. Texts are compared by their bytes, here as there.
fn bounds(prefix: &str, after: Option<&str>, descending: bool) -> Option<Bounds> {
    let whole = || match prefix {
        "" => Bounds::All,
        prefix => Bounds::BeginsWith(prefix.to_owned()),
    };
    let Some(after) = after else { return Some(whole()) };
    let (owned, first) = (after.to_owned(), prefix.to_owned());
    match (after.starts_with(prefix), descending) {
        (true, true) if prefix.is_empty() => Some(Bounds::Below(owned)),
        (true, true) => Some(Bounds::Between(first, owned)),
        (true, false) => Some(match successor(prefix) {
            Some(until) => Bounds::Between(owned, until),
            None => Bounds::Above(owned),
        }),
        (false, _) => ((after < prefix) != descending).then(whole),
    }
}

impl Plan {
    /// How a query is asked; `None` where its answer is empty.
    pub(super) fn of(query: Query) -> Option<Self> {
        let (index, prefix, pk, sk) = match query.range {
            QueryRange::Primary(range) => {
                (None, range.sk_prefix().to_owned(), (names::PK, range.pk().to_owned()), names::SK)
            }
            QueryRange::Index { index, pk, sk_prefix } => {
                let (pk_name, sk_name) = names::index_keys(index);
                (Some(names::index(index)), sk_prefix, (pk_name, pk), sk_name)
            }
        };
        let bounds = bounds(&prefix, query.after.as_deref(), query.descending)?;
        let (after, descending) = (query.after, query.descending);
        let limit = query.limit.clamp(1, limits::PAGE_ITEMS_MAX);
        Some(Self { index, pk, sk, bounds, prefix, after, descending, limit })
    }

    /// How many items are asked for: one more than wanted, which tells whether more follow, and those left out.
    pub(super) fn asked(&self) -> i32 {
        let left_out = if matches!(self.bounds, Bounds::Between(..)) { 2 } else { 0 };
        i32::try_from(self.limit + 1 + left_out).unwrap_or(i32::MAX)
    }

    /// The key condition expression.
    pub(super) fn condition(&self, placeholders: &mut Placeholders) -> String {
        let (pk, value) = (placeholders.name(self.pk.0), placeholders.value(items::text(&self.pk.1)));
        let whole = format!("{pk} = {value}");
        if self.bounds == Bounds::All {
            return whole;
        }
        let sk = placeholders.name(self.sk);
        let mut text = |text: &str| placeholders.value(items::text(text));
        let bound = match &self.bounds {
            Bounds::All => return whole,
            Bounds::BeginsWith(prefix) => format!("begins_with({sk}, {})", text(prefix)),
            Bounds::Above(from) => format!("{sk} > {}", text(from)),
            Bounds::Below(to) => format!("{sk} < {}", text(to)),
            Bounds::Between(from, to) => format!("{sk} BETWEEN {} AND {}", text(from), text(to)),
        };
        format!("{whole} AND {bound}")
    }

    fn sort_key<'a>(&self, stored: &'a Stored) -> Option<&'a str> {
        stored.get(self.sk).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    fn is_wanted(&self, stored: &Stored, now: i64) -> bool {
        let in_range = self.sort_key(stored).is_some_and(|sk| {
            let beyond = self
                .after
                .as_deref()
                .is_none_or(|after| if self.descending { sk < after } else { sk > after });
            beyond && sk.starts_with(&self.prefix)
        });
        in_range && items::expiry(stored).is_none_or(|at| at > now)
    }

    /// The page that an answer makes, as of `now`; `None` where nothing in it is wanted and more follow behind its last
    /// key.
    pub(super) fn page(
        &self,
        found: Vec<Stored>,
        last: Option<&Stored>,
        now: i64,
    ) -> Result<Option<Page>, PortError> {
        let mut wanted: Vec<Stored> =
            found.into_iter().filter(|stored| self.is_wanted(stored, now)).collect();
        let more = wanted.len() > self.limit;
        wanted.truncate(self.limit);
        let end = if more { wanted.last() } else { last };
        let next = end.and_then(|stored| self.sort_key(stored)).map(str::to_owned);
        if wanted.is_empty() && next.is_some() {
            return Ok(None);
        }
        let items: Vec<Item> = wanted.into_iter().map(items::item).collect::<Result<_, _>>()?;
        Ok(Some(Page { items, next }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use tenantry_core::ports::Index;

    /// What DynamoDB makes of a condition.
    fn is_within(bounds: &Bounds, sk: &str) -> bool {
        match bounds {
            Bounds::All => true,
            Bounds::BeginsWith(prefix) => sk.starts_with(prefix),
            Bounds::Above(from) => sk > from.as_str(),
            Bounds::Below(to) => sk < to.as_str(),
            Bounds::Between(from, to) => {
                assert!(from <= to, "DynamoDB refuses {from:?} to {to:?}");
                sk >= from.as_str() && sk <= to.as_str()
            }
        }
    }

    fn plan(prefix: &str, after: Option<String>, descending: bool, limit: usize) -> Option<Plan> {
        let range = QueryRange::Index { index: Index::One, pk: "P".to_owned(), sk_prefix: prefix.to_owned() };
        Plan::of(Query { range, after, descending, limit })
    }

    fn stored(sk: &str) -> Stored {
        [("pk", "P"), ("sk", sk), ("index1pk", "P"), ("index1sk", sk)]
            .map(|(name, value)| (name.to_owned(), items::text(value)))
            .into()
    }

    /// A store's answer: its items in order, as many as asked for, and the last key where it stopped there.
    fn answer(plan: &Plan, all: &BTreeSet<String>, behind: Option<&str>) -> (Vec<Stored>, Option<Stored>) {
        let mut found: Vec<&String> = all.iter().filter(|sk| is_within(&plan.bounds, sk)).collect();
        if plan.descending {
            found.reverse();
        }
        if let Some(behind) = behind {
            let place = found.iter().position(|sk| *sk == behind).expect("its own key");
            found.drain(..=place);
        }
        found.truncate(usize::try_from(plan.asked()).unwrap());
        let stopped = found.len() == usize::try_from(plan.asked()).unwrap();
        let last = found.last().filter(|_| stopped).map(|sk| stored(sk));
        (found.into_iter().map(|sk| stored(sk)).collect(), last)
    }

    fn read(prefix: &str, descending: bool, limit: usize, all: &BTreeSet<String>) -> Vec<String> {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let Some(plan) = plan(prefix, after, descending, limit) else { return read };
            let mut behind: Option<String> = None;
            let page = loop {
                let (found, last) = answer(&plan, all, behind.as_deref());
                match plan.page(found, last.as_ref(), 0).unwrap() {
                    Some(page) => break page,
                    None => behind = last.and_then(|last| plan.sort_key(&last).map(str::to_owned)),
                }
            };
            assert!(page.items.len() <= limit);
            read.extend(page.items.into_iter().map(|item| item.key.sk().to_owned()));
            match page.next {
                Some(next) => after = Some(next),
                None => return read,
            }
        }
    }

    proptest! {
        #[test]
        fn pages_hold_everything_once_in_order(
            all in prop::collection::btree_set("[ab#$]{1,4}", 0..20),
            prefix in prop::sample::select(vec!["", "a", "a#", "b", "\u{10FFFF}"]),
            limit in 1usize..6,
            descending: bool,
        ) {
            let mut expected: Vec<String> = all.iter().filter(|sk| sk.starts_with(prefix)).cloned().collect();
            if descending {
                expected.reverse();
            }
            prop_assert_eq!(read(prefix, descending, limit, &all), expected);
        }

        #[test]
        fn a_page_after_any_key(
            all in prop::collection::btree_set("[ab#$]{1,3}", 0..20),
            prefix in "[ab]{0,1}#?",
            after in "[ab#$]{0,3}",
            descending: bool,
        ) {
            let expected: Vec<&String> = all
                .iter()
                .filter(|sk| sk.starts_with(&prefix))
                .filter(|sk| if descending { **sk < after } else { **sk > after })
                .collect();
            let found = match plan(&prefix, Some(after), descending, 100) {
                None => Vec::new(),
                Some(plan) => {
                    let (found, last) = answer(&plan, &all, None);
                    let page = plan.page(found, last.as_ref(), 0).unwrap().unwrap();
                    prop_assert_eq!(page.next, None);
                    let mut sks: Vec<String> =
                        page.items.into_iter().map(|item| item.key.sk().to_owned()).collect();
                    sks.sort_unstable();
                    sks
                }
            };
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn table_of_conditions() {
        let condition = |prefix: &str, after: Option<&str>, descending| {
            let plan = plan(prefix, after.map(str::to_owned), descending, 10)?;
            let mut placeholders = Placeholders::default();
            let mut text = plan.condition(&mut placeholders);
            for (placeholder, name) in placeholders.names()? {
                text = text.replace(&placeholder, &name);
            }
            for (placeholder, value) in placeholders.values()? {
                text = text.replace(&placeholder, value.as_s().ok()?);
            }
            Some(text.replace("index1pk = P", "…"))
        };
        let table = [
            (condition("", None, false), Some("…")),
            (condition("a#", None, true), Some("… AND begins_with(index1sk, a#)")),
            (condition("", Some("x"), false), Some("… AND index1sk > x")),
            (condition("", Some("x"), true), Some("… AND index1sk < x")),
            (condition("a#", Some("a#1"), false), Some("… AND index1sk BETWEEN a#1 AND a$")),
            (condition("a#", Some("a#1"), true), Some("… AND index1sk BETWEEN a# AND a#1")),
            (condition("a#", Some("A"), false), Some("… AND begins_with(index1sk, a#)")),
            (condition("a#", Some("b"), false), None),
            (condition("a#", Some("A"), true), None),
            (condition("a#", Some("b"), true), Some("… AND begins_with(index1sk, a#)")),
        ];
        for (found, expected) in table {
            assert_eq!(found.as_deref(), expected);
        }
    }
}

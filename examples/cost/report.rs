//! What is printed.

use crate::meter::Amounts;
use crate::month::Month;
use crate::prices::{Confidence, Prices, Unit};
use crate::record::Recording;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Numbers of tenants that a month is printed for.
pub const TENANTS: [u64; 3] = [10, 1_000, 100_000];
/// Places and units beyond the biggest so many are summed up.
const ROWS: usize = 12;

/// A target, and what was found.
pub struct Target {
    name: String,
    limit_usd: f64,
    found_usd: f64,
    /// What else there is to say.
    beside: String,
}

impl Target {
    fn holds(&self) -> bool {
        self.found_usd <= self.limit_usd
    }
}

/// Everything that was found.
pub struct Report<'a> {
    pub prices: &'a Prices,
    pub recordings: &'a [Recording],
    pub month: &'a Month,
    pub subscriptions: usize,
}

/// What amounts cost together.
pub fn total_usd(prices: &Prices, amounts: &Amounts) -> f64 {
    amounts.iter().map(|((_, unit), amount)| prices.usd(*unit, *amount)).sum()
}

/// What a month's amounts cost in an account of its own, where the free tiers that never end are taken off.
fn beyond_free_usd(prices: &Prices, amounts: &Amounts) -> f64 {
    by_unit(amounts).into_iter().map(|(unit, amount)| prices.usd_beyond_free(unit, amount)).sum()
}

fn by_unit(amounts: &Amounts) -> BTreeMap<Unit, f64> {
    let mut sums = BTreeMap::new();
    for ((_, unit), amount) in amounts {
        *sums.entry(*unit).or_default() += amount;
    }
    sums
}

fn by_place(prices: &Prices, amounts: &Amounts) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for ((place, unit), amount) in amounts {
        *sums.entry(place.clone()).or_default() += prices.usd(*unit, *amount);
    }
    let mut places: Vec<_> = sums.into_iter().collect();
    places.sort_by(|a, b| b.1.total_cmp(&a.1));
    places
}

/// Units with their amounts and what they cost, the dearest first.
fn parts(prices: &Prices, amounts: &Amounts) -> Vec<(Unit, f64, f64)> {
    let mut parts: Vec<_> = by_unit(amounts)
        .into_iter()
        .map(|(unit, amount)| (unit, amount, prices.usd(unit, amount)))
        .filter(|(_, amount, _)| *amount > 0.0)
        .collect();
    parts.sort_by(|a, b| b.2.total_cmp(&a.2));
    parts
}

fn amount(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.8}")
    }
}

fn table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for place in 1..titles.len() {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

impl Report<'_> {
    /// What is to hold.
    pub fn targets(&self) -> Vec<Target> {
        let wanted = &self.prices.targets;
        let provisioned = self.recordings.iter().map(|recording| Target {
            name: format!("a provisioned tenant, {}", title(recording)),
            limit_usd: wanted.provisioned_tenant_usd,
            found_usd: total_usd(self.prices, &recording.amounts),
            beside: String::new(),
        });
        let tenants = wanted.idle_tenants;
        let amounts = self.month.amounts(tenants);
        let beyond_free = beyond_free_usd(self.prices, &amounts) / tenants as f64;
        let idle = Target {
            name: format!("an idle tenant and month of {tenants}"),
            limit_usd: wanted.idle_tenant_month_usd,
            found_usd: total_usd(self.prices, &amounts) / tenants as f64,
            beside: format!(
                " ({beyond_free:.6} in an account of its own, beyond the free tiers that never end)"
            ),
        };
        provisioned.chain([idle]).collect()
    }

    /// Whether everything holds that is to hold.
    pub fn holds(&self) -> bool {
        self.targets().iter().all(Target::holds)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let priced = |amounts: &Amounts| -> Value {
            parts(self.prices, amounts)
                .into_iter()
                .map(|(unit, amount, usd)| json!({"unit": unit.name(), "amount": amount, "usd": usd}))
                .collect()
        };
        let places = |amounts: &Amounts| -> Value {
            by_place(self.prices, amounts)
                .into_iter()
                .map(|(place, usd)| json!({"place": place, "usd": usd}))
                .collect()
        };
        let provisioned: Vec<Value> = self
            .recordings
            .iter()
            .map(|recording| {
                json!({
                    "services": recording.scenario.services, "subscriptions": recording.scenario.subscriptions,
                    "usd": total_usd(self.prices, &recording.amounts), "storedBytes": recording.kept.table_bytes,
                    "parts": priced(&recording.amounts), "places": places(&recording.amounts)
                })
            })
            .collect();
        let idle: Vec<Value> = TENANTS
            .into_iter()
            .map(|tenants| {
                let amounts = self.month.amounts(tenants);
                let usd = total_usd(self.prices, &amounts);
                json!({
                    "tenants": tenants, "usdPerTenant": usd / tenants as f64, "usd": usd,
                    "usdBeyondFreeTiers": beyond_free_usd(self.prices, &amounts),
                    "parts": priced(&amounts), "places": places(&amounts)
                })
            })
            .collect();
        let targets: Vec<Value> = self
            .targets()
            .iter()
            .map(|target| {
                json!({"name": target.name, "limitUsd": target.limit_usd, "usd": target.found_usd, "holds": target.holds()})
            })
            .collect();
        json!({
            "prices": {"date": self.prices.date, "region": self.prices.region, "currency": self.prices.currency},
            "provisionedTenant": provisioned, "idleMonth": idle, "subscriptions": self.subscriptions,
            "targets": targets, "holds": self.holds()
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let prices = self.prices;
        let _ = writeln!(
            out,
            "US dollars at the prices of {} in {}; free tiers, discounts and taxes are left out, but where\n\
             something else is said. \
             A tenant comes alone: every function starts cold, nothing is cached, nothing is batched.\n",
            prices.date, prices.region
        );
        let _ = writeln!(out, "PER PROVISIONED TENANT");
        out.push_str(&self.provisioned());
        let last = self.recordings.last();
        if let Some(recording) = last {
            let _ = writeln!(out, "\nWHERE, {}", title(recording));
            out.push_str(&places(prices, &recording.amounts, 1.0));
        }
        let _ = writeln!(
            out,
            "\nPER IDLE TENANT AND MONTH, {} webhook subscription{}",
            self.subscriptions,
            if self.subscriptions == 1 { "" } else { "s" }
        );
        out.push_str(&self.idle());
        let tenants = prices.targets.idle_tenants;
        let _ = writeln!(out, "\nWHERE, the whole deployment and month with {tenants} tenants");
        out.push_str(&places(prices, &self.month.amounts(tenants), 1.0));
        out.push('\n');
        out.push_str(&self.unsure());
        out.push('\n');
        for target in self.targets() {
            let word = if target.holds() { "holds" } else { "DOES NOT HOLD" };
            let _ = writeln!(
                out,
                "{word}: {} costs {:.6} USD, at most {:.6}{}",
                target.name, target.found_usd, target.limit_usd, target.beside
            );
        }
        if !self.holds() {
            out.push_str("\nWhere the money goes:\n");
            out.push_str(&self.biggest());
        }
        out
    }

    fn provisioned(&self) -> String {
        let mut titles = vec!["billed unit".to_owned()];
        for recording in self.recordings {
            titles.extend([title(recording), "USD".to_owned()]);
        }
        let all: Vec<BTreeMap<Unit, f64>> =
            self.recordings.iter().map(|recording| by_unit(&recording.amounts)).collect();
        let mut units: Vec<Unit> =
            Unit::ALL.iter().copied().filter(|unit| all.iter().any(|sums| sums.contains_key(unit))).collect();
        let dearest = |unit: &Unit| {
            all.iter()
                .filter_map(|sums| sums.get(unit))
                .fold(0.0_f64, |most, one| most.max(self.prices.usd(*unit, *one)))
        };
        units.sort_by(|a, b| dearest(b).total_cmp(&dearest(a)));
        let mut rows: Vec<Vec<String>> = units
            .iter()
            .map(|unit| {
                let mut row = vec![unit.name().to_owned()];
                for sums in &all {
                    let count = sums.get(unit).copied().unwrap_or_default();
                    row.extend([amount(count), format!("{:.7}", self.prices.usd(*unit, count))]);
                }
                row
            })
            .collect();
        let mut sum = vec!["together".to_owned()];
        for recording in self.recordings {
            sum.extend([String::new(), format!("{:.7}", total_usd(self.prices, &recording.amounts))]);
        }
        rows.push(sum);
        let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
        table(&titles, rows)
    }

    fn idle(&self) -> String {
        let months: Vec<(u64, Amounts)> =
            TENANTS.into_iter().map(|tenants| (tenants, self.month.amounts(tenants))).collect();
        let mut units: Vec<(Unit, f64)> = months
            .first()
            .map(|(_, amounts)| parts(self.prices, amounts))
            .unwrap_or_default()
            .into_iter()
            .map(|(unit, _, usd)| (unit, usd))
            .collect();
        units.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut rows: Vec<Vec<String>> = units
            .into_iter()
            .map(|(unit, _)| {
                let mut row = vec![unit.name().to_owned()];
                for (tenants, amounts) in &months {
                    let count = by_unit(amounts).get(&unit).copied().unwrap_or_default();
                    row.push(format!("{:.7}", self.prices.usd(unit, count) / *tenants as f64));
                }
                row
            })
            .collect();
        let per_tenant = |(tenants, amounts): &(u64, Amounts)| {
            format!("{:.7}", total_usd(self.prices, amounts) / *tenants as f64)
        };
        rows.push([vec!["together".to_owned()], months.iter().map(per_tenant).collect()].concat());
        let whole = |(_, amounts): &(u64, Amounts)| format!("{:.2}", total_usd(self.prices, amounts));
        let beyond = |(tenants, amounts): &(u64, Amounts)| {
            format!("{:.7}", beyond_free_usd(self.prices, amounts) / *tenants as f64)
        };
        rows.push([vec!["beyond the free tiers".to_owned()], months.iter().map(beyond).collect()].concat());
        rows.push([vec!["the whole deployment".to_owned()], months.iter().map(whole).collect()].concat());
        let titles: Vec<String> = TENANTS.iter().map(|tenants| format!("{tenants} tenants")).collect();
        let titles: Vec<&str> =
            ["billed unit"].into_iter().chain(titles.iter().map(String::as_str)).collect();
        table(&titles, rows)
    }

    /// How much of the figures rests on what nobody counted.
    fn unsure(&self) -> String {
        let names = |confidence: Confidence| {
            let prices = self.prices.prices.iter().filter(|(_, price)| price.confidence == confidence);
            let assumed = self.prices.assumptions.all().into_iter();
            let assumed = assumed.filter(|(_, assumption)| assumption.confidence == confidence);
            let names: Vec<&str> =
                prices.map(|(unit, _)| unit.name()).chain(assumed.map(|(name, _)| name)).collect();
            names.join(", ")
        };
        format!(
            "likely, not certain: {}\nguessed: {}\n",
            names(Confidence::Likely),
            names(Confidence::Guessed)
        )
    }

    /// The three biggest parts of whatever does not hold.
    fn biggest(&self) -> String {
        let three = |amounts: &Amounts| -> String {
            let all = total_usd(self.prices, amounts);
            let parts = parts(self.prices, amounts).into_iter().take(3).map(|(unit, count, usd)| {
                format!("{:.0} % {} ({})", 100.0 * usd / all, unit.name(), amount(count))
            });
            parts.collect::<Vec<_>>().join(", ")
        };
        let mut out = String::new();
        for recording in self.recordings {
            let _ = writeln!(out, "provisioning, {}: {}", title(recording), three(&recording.amounts));
        }
        let tenants = self.prices.targets.idle_tenants;
        let _ = writeln!(out, "a month with {tenants} tenants: {}", three(&self.month.amounts(tenants)));
        out
    }
}

fn title(recording: &Recording) -> String {
    let scenario = recording.scenario;
    match scenario.subscriptions {
        0 => format!("{} services", scenario.services),
        count => format!("{} services, {count} webhook", scenario.services),
    }
}

fn places(prices: &Prices, amounts: &Amounts, divisor: f64) -> String {
    let all = total_usd(prices, amounts);
    let mut places = by_place(prices, amounts);
    let rest: f64 = places.split_off(ROWS.min(places.len())).iter().map(|(_, usd)| usd).sum();
    if rest > 0.0 {
        places.push(("everything else".to_owned(), rest));
    }
    let row = |(place, usd): (String, f64)| {
        vec![place, format!("{:.7}", usd / divisor), format!("{:.0} %", 100.0 * usd / all)]
    };
    table(&["where", "USD", "share"], places.into_iter().map(row).collect())
}

//! The price file: what AWS asks for, and what is assumed where nothing can be counted.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The file of this build.
pub const FILE: &str = include_str!("prices.json");

macro_rules! units {
    ($($variant:ident = $name:literal,)*) => {
        /// What AWS bills by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub enum Unit {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Unit {
            /// All of them.
            pub const ALL: &[Unit] = &[$(Unit::$variant,)*];

            /// The name in the price file: service and unit.
            pub fn name(self) -> &'static str {
                match self {
                    $(Unit::$variant => $name,)*
                }
            }
        }
    };
}

units! {
    StepFunctionsTransitions = "stepFunctions.transitions",
    LambdaRequests = "lambda.requests",
    LambdaGigabyteSeconds = "lambda.gigabyteSeconds",
    DynamodbWriteUnits = "dynamodb.writeUnits",
    DynamodbReadUnits = "dynamodb.readUnits",
    DynamodbStorageGigabyteMonths = "dynamodb.storageGigabyteMonths",
    DynamodbBackupGigabyteMonths = "dynamodb.backupGigabyteMonths",
    SqsRequests = "sqs.requests",
    SqsFairRequests = "sqs.fairRequests",
    EventBridgeCustomEvents = "eventBridge.customEvents",
    SchedulerInvocations = "scheduler.invocations",
    ApiGatewayRequests = "apiGateway.requests",
    KmsRequests = "kms.requests",
    KmsKeyMonths = "kms.keyMonths",
    SecretsManagerSecretMonths = "secretsManager.secretMonths",
    SecretsManagerRequests = "secretsManager.requests",
    CloudWatchLogGigabytes = "cloudWatch.logGigabytes",
    CloudWatchLogGigabyteMonths = "cloudWatch.logGigabyteMonths",
    CloudWatchAlarmMonths = "cloudWatch.alarmMonths",
    CloudWatchDashboardMonths = "cloudWatch.dashboardMonths",
    CloudWatchMetricMonths = "cloudWatch.metricMonths",
    XrayInsightTraces = "xray.insightTraces",
    EventBridgeArchiveGigabytes = "eventBridge.archiveGigabytes",
    EventBridgeArchiveGigabyteMonths = "eventBridge.archiveGigabyteMonths",
    XrayTraces = "xray.traces",
}

/// How sure a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nobody says so: an estimate.
    Guessed,
    /// Reported by several, or read from the rules of the page.
    Likely,
    /// It stands on the page that is named.
    Certain,
}

/// A price.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// US dollars for `per` units.
    pub usd: f64,
    /// Units that `usd` buys.
    pub per: f64,
    /// What the unit is.
    pub unit: String,
    /// Units that an account gets each month for nothing, for ever.
    #[serde(default)]
    pub free_per_month: f64,
    /// The page that says so.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A number that is not counted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assumption {
    /// The number.
    pub value: f64,
    /// Of what.
    pub unit: String,
    /// Why this number.
    pub why: String,
    /// How sure it is.
    pub confidence: Confidence,
}

macro_rules! assumptions {
    ($($field:ident,)*) => {
        /// Everything that is assumed; the file says why.
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct Assumptions {
            $(#[doc = concat!("`", stringify!($field), "` of the file.")] pub $field: Assumption,)*
        }

        impl Assumptions {
            /// All of them, by name.
            pub fn all(&self) -> Vec<(&'static str, &Assumption)> {
                vec![$((stringify!($field), &self.$field),)*]
            }
        }
    };
}

assumptions! {
    execution_end_transitions,
    cold_start_milliseconds,
    invocation_milliseconds,
    read_milliseconds,
    write_milliseconds,
    transaction_milliseconds,
    service_milliseconds,
    receiver_milliseconds,
    platform_log_bytes,
    round_log_bytes,
    log_context_bytes,
    access_log_bytes,
    detailed_routes,
    detailed_metrics,
    traces_per_invocation,
    pollers,
    poll_seconds,
    table_key_seconds,
    follow_requests,
    log_retention_months,
    cell_bytes,
    month_seconds,
}

/// What the deployment is meant to cost at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Targets {
    /// A tenant's provisioning, in US dollars.
    pub provisioned_tenant_usd: f64,
    /// An idle tenant and month, in US dollars.
    pub idle_tenant_month_usd: f64,
    /// With how many tenants that is asked.
    pub idle_tenants: u64,
}

/// The price file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// What the file is.
    #[serde(rename = "comment")]
    _comment: String,
    /// The day on which the prices were looked up, `YYYY-MM-DD`.
    pub date: String,
    /// Always `USD`.
    pub currency: String,
    /// Whose prices they are.
    pub region: String,
    /// By unit.
    pub prices: BTreeMap<Unit, Price>,
    /// What is not counted.
    pub assumptions: Assumptions,
    /// What is to hold.
    pub targets: Targets,
}

/// Why there are no prices.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// Not the file's form.
    #[error("the price file cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A figure that makes no sense.
    #[error("the price file says of {name}: {what}")]
    Wrong {
        /// Which figure.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A unit without a price.
    #[error("the price file has no price of {0}")]
    Missing(&'static str),
}

impl Prices {
    /// Reads a price file and holds every figure against what a figure can be.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let prices: Prices = serde_json::from_str(text)?;
        let wrong = |name: &str, what| Err(PriceError::Wrong { name: name.to_owned(), what });
        let parts: Vec<Option<u32>> = prices.date.split('-').map(|part| part.parse().ok()).collect();
        if prices.date.len() != 10 || !matches!(parts[..], [Some(_), Some(1..=12), Some(1..=31)]) {
            return wrong("date", "it is no day written YYYY-MM-DD");
        }
        if prices.currency != "USD" || prices.region.is_empty() {
            return wrong("currency", "prices are in USD and of one region");
        }
        for unit in Unit::ALL {
            let Some(price) = prices.prices.get(unit) else { return Err(PriceError::Missing(unit.name())) };
            if !(price.usd.is_finite() && price.usd > 0.0 && price.per >= 1.0 && price.free_per_month >= 0.0)
            {
                return wrong(unit.name(), "a price is a positive number for at least one unit");
            }
            if !price.source.starts_with("https://aws.amazon.com/") || price.unit.is_empty() {
                return wrong(unit.name(), "it names its unit and a page of AWS");
            }
        }
        for (name, assumption) in prices.assumptions.all() {
            if !(assumption.value.is_finite() && assumption.value >= 0.0) {
                return wrong(name, "it is no number from 0");
            }
            if assumption.why.is_empty() || assumption.unit.is_empty() {
                return wrong(name, "it gives its unit and its reason");
            }
        }
        Ok(prices)
    }

    /// What so many units cost, in US dollars.
    pub fn usd(&self, unit: Unit, amount: f64) -> f64 {
        self.prices.get(&unit).map_or(f64::NAN, |price| amount * price.usd / price.per)
    }

    /// What so many units of a month cost in an account of its own, in US dollars: the free tiers that never end are
    /// taken off.
    pub fn usd_beyond_free(&self, unit: Unit, amount: f64) -> f64 {
        let free = self.prices.get(&unit).map_or(0.0, |price| price.free_per_month);
        self.usd(unit, (amount - free).max(0.0))
    }
}

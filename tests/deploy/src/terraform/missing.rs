//! Why Terraform cannot be used, and what a test says of that.

use std::io::Write as _;

/// What is needed and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// There is no `terraform` on the path, or it is too old.
    Binary(String),
    /// The provider lies nowhere on this machine, and the registry does not answer.
    Provider(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, why, now) = match self {
            Missing::Binary(why) => (
                "there is no usable terraform on the path",
                why,
                "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install)",
            ),
            Missing::Provider(why) => (
                "the provider hashicorp/aws cannot be had",
                why,
                "let Terraform reach its registry, or put a mirror (`terraform providers mirror`) on this machine",
            ),
        };
        let why: Vec<String> = why.trim_end().lines().map(|line| format!("       {line}")).collect();
        write!(f, "  why: {what}:\n{}\n  what now: {now}", why.join("\n"))
    }
}

impl std::error::Error for Missing {}

impl Missing {
    /// Says on the standard error, uncaptured, that `what` was not tried and why: nobody may think that it was.
    pub fn explain(&self, what: &str) {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}\n{self}\n");
    }
}

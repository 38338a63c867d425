//! Name resolution that leaves private addresses out, at the moment of the call: a name that was public when it was
//! registered and is private now (DNS rebinding) reaches nothing.

use super::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// The system's resolver, behind the guard.
#[derive(Debug, Clone, Copy)]
pub struct GuardedResolver {
    allow_private: bool,
}

/// Every address that the name resolved to is private.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} resolves to private, local or reserved addresses only")]
pub(super) struct OnlyPrivate {
    /// The name.
    pub(super) host: String,
}

impl GuardedResolver {
    /// A resolver that answers public addresses, or all of them.
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Those of `found` that may be called.
    fn guard(self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, OnlyPrivate> {
        if self.allow_private {
            return Ok(found);
        }
        let public: Vec<_> = found.iter().copied().filter(|address| is_public(address.ip())).collect();
        if public.is_empty() && !found.is_empty() {
            return Err(OnlyPrivate { host: host.chars().take(253).collect() });
        }
        Ok(public)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            // Port 0 is replaced by the URL's port.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses = guard.guard(name.as_str(), found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_answers_are_left_out() {
        let found: Vec<SocketAddr> =
            ["10.0.0.1:0", "8.8.8.8:0", "[::1]:0"].iter().map(|text| text.parse().unwrap()).collect();
        let strict = GuardedResolver::new(false);
        assert_eq!(strict.guard("mixed.example", found.clone()).unwrap(), [found[1]]);
        assert_eq!(GuardedResolver::new(true).guard("mixed.example", found.clone()).unwrap(), found);
        let error = strict.guard("rebound.example", vec![found[0], found[2]]).unwrap_err();
        assert_eq!(error.host, "rebound.example");
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_after_resolution() {
        let name = || "localhost".parse::<Name>().unwrap();
        let Err(refused) = GuardedResolver::new(false).resolve(name()).await else {
            panic!("localhost was resolved to something public");
        };
        assert!(refused.downcast_ref::<OnlyPrivate>().is_some(), "{refused}");
        assert!(
            GuardedResolver::new(true).resolve(name()).await.is_ok_and(|mut found| found.next().is_some())
        );
    }
}

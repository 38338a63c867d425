//! Use cases over ports in memory. What is seen over HTTP is tested with the router; here is what is not.

mod retries;
mod sealed_errors;
mod status;

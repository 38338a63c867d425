//! The Step Functions protocol of the real binary, as strangers and kills meet it.

mod aws;
mod hostile;
mod limits;
mod polls;
mod signatures;
mod storm;
mod storm_machines;
mod tokens;

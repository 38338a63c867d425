//! The contract suites of the ports. Each is generic over a factory that makes a fresh, empty adapter, and holds every
//! sentence of the port's documentation against it; both homes' own tests call them.

mod clock;

pub use clock::ManualClock;

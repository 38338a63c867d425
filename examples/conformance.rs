//! Measures this product against recordings of AWS: `cargo run --release --example conformance -- FILE...`.
//!
//! All of it is in `tests/conformance`, whose documentation tells how to read the figures; here it only gets a `main`.

fn main() -> std::process::ExitCode {
    tenantry_conformance::command::main()
}

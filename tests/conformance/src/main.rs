//! The conformance runner without the rest of the product, which builds quicker.

fn main() -> std::process::ExitCode {
    tenantry_conformance::command::main()
}

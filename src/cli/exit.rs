//! Exit codes that scripts can use, and the errors that lead to them.

use serde_json::Value;
use std::process::ExitCode;

/// How a command ends. The numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Success,
    /// 1: it failed.
    Failure,
    /// 2: it was asked for wrongly.
    Usage,
    /// 3: there is no such thing.
    NotFound,
    /// 4: the thing's state forbids it.
    Conflict,
    /// 5: no or a wrong token.
    Denied,
    /// 124: it took too long.
    Timeout,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Conflict => 4,
            Exit::Denied => 5,
            Exit::Timeout => 124,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub struct CliError {
    /// How the process ends.
    pub exit: Exit,
    /// What, why and what now.
    pub message: String,
    /// The problem's code, where the control plane gave one.
    pub code: Option<String>,
    /// Whether asking again later may help: the connection failed, or the server said so.
    pub transient: bool,
}

impl CliError {
    /// It failed.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failure, message: message.into(), code: None, transient: false }
    }

    /// It was asked for wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::failure(message) }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, ..Self::failure(message) }
    }

    /// The control plane could not be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { transient: true, ..Self::failure(message) }
    }

    /// What a problem document (RFC 9457) says.
    pub fn from_problem(status: u16, problem: &Value) -> Self {
        let text = |field: &str| problem.get(field).and_then(Value::as_str);
        let exit = match status {
            404 => Exit::NotFound,
            409 | 412 | 422 => Exit::Conflict,
            401 | 403 => Exit::Denied,
            400 | 405 | 413 | 415 => Exit::Usage,
            _ => Exit::Failure,
        };
        let mut message = text("detail").or_else(|| text("title")).map_or_else(
            || format!("The control plane answered {status} without saying why."),
            str::to_owned,
        );
        if let Some(field) = text("field") {
            message = format!("{message} (field {field})");
        }
        if let Some(existing) = text("existing") {
            message = format!("{message} See {existing}.");
        }
        Self { exit, message, code: text("code").map(str::to_owned), transient: matches!(status, 502..=504) }
    }

    /// Tells the person.
    pub fn report(&self) {
        match &self.code {
            Some(code) => eprintln!("error[{code}]: {}\n  tenantry explain {code} says more", self.message),
            None => eprintln!("error: {}", self.message),
        }
    }
}

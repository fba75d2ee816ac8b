//! How a command says that it failed.
//! In: what is wrong, and what to do. Out: `error:` and `hint:` lines. Holds: one error, said once.

use std::process::ExitCode;

/// Prints a line to standard output; who closed it does not want to hear more.
macro_rules! say {
    () => { $crate::failure::line(&mut std::io::stdout(), format_args!("")) };
    ($($text:tt)*) => { $crate::failure::line(&mut std::io::stdout(), format_args!($($text)*)) };
}

/// Prints a line to standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::failure::line(&mut std::io::stderr(), format_args!($($text)*)) };
}

pub(crate) use {complain, say};

/// Writes a line and does not mind a closed end.
pub(crate) fn line(to: &mut dyn std::io::Write, text: std::fmt::Arguments<'_>) {
    writeln!(to, "{text}").ok();
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says it.
    pub(crate) fn tell(&self) -> ExitCode {
        complain!("error: {}", self.what);
        if let Some(hint) = &self.hint {
            complain!("hint: {hint}");
        }
        ExitCode::FAILURE
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("{error:#}"))
    }
}

impl From<ctl_source::SourceError> for Failure {
    fn from(error: ctl_source::SourceError) -> Self {
        match error {
            // The server's own sentence says it all.
            ctl_source::SourceError::Invalid(what) => Self::new(what),
            error => Self::new(error.to_string()),
        }
    }
}

//! `weft validate`: judges objects of files one by one, without a mesh.
//!
//! In: files, folders, or standard input. Out: every problem with its place. Holds: exit code 1 when there is an error.
//! Never: looks at how objects point at each other; that is `weft analyze`.

use std::path::PathBuf;
use std::process::ExitCode;

use weft_model::{Field, ObjectRef, Problem, Severity};

use crate::failure::Failure;
use crate::files::{self, Fault, Written};
use crate::report::{self, Format};

/// A part of a file that is no object.
const UNREADABLE: &str = "WEFT0005";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files, folders, or `-` for standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The same, as kubectl has it.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// How to print problems.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let paths: Vec<PathBuf> = options.paths.iter().chain(&options.files).cloned().collect();
    if paths.is_empty() {
        let failure = Failure::new("nothing to validate");
        return Err(failure.hint("name files or folders, or - for standard input"));
    }
    let (written, faults) = files::read_around(&paths)?;
    let mut problems: Vec<Problem> = faults.into_iter().map(unreadable).collect();
    problems.extend(written.iter().flat_map(judge));
    let looked_at = match written.len() {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    };
    report::print(&problems, options.output, &looked_at);
    let failed = problems.iter().any(Problem::is_error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A problem of a part of a file that is no object.
pub(crate) fn unreadable(fault: Fault) -> Problem {
    Problem {
        severity: Severity::Error,
        code: UNREADABLE,
        object: ObjectRef::default(),
        field: Field::default(),
        place: Some(fault.place),
        what: fault.what,
        fix: String::new(),
    }
}

/// What is wrong with one object by itself, each with its place.
pub(crate) fn judge(written: &Written) -> Vec<Problem> {
    let mut problems = written.kinds.judge(&written.in_namespace());
    for problem in &mut problems {
        problem.place = Some(written.place(&problem.field.0));
    }
    problems
}

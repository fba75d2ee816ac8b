//! `weft test`: holds configuration against suites of calls and what is expected of them.
//!
//! In: suites, and the files with objects that they name. Out: a verdict for each case; on request what no case reaches, and
//! which changes of the configuration no case notices.
//! Holds: exit code 0 when all is as expected, 1 when it is not, 2 when a suite or its configuration cannot be read.
//! Never: starts or changes anything.

mod configuration;
mod formats;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use weft_suite::{Coverage, Mutation, Suite, Verdict, coverage};

use crate::failure::Failure;
use crate::files;
use configuration::Configuration;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// What is not as expected, for people.
    Text,
    /// All, for programs.
    Json,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Suites, or folders with suites.
    #[arg(value_name = "SUITE", required = true)]
    suites: Vec<PathBuf>,
    /// Files and folders with the objects of the mesh, instead of those that the suites name.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Say which routes, subsets and rules of policies no case reaches.
    #[arg(long)]
    coverage: bool,
    /// Fail when less than this share of them is reached.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    min_coverage: Option<u8>,
    /// Change the configuration bit by bit, and say which changes no case notices.
    #[arg(long)]
    mutate: bool,
    /// Fail when less than this share of the changes is noticed.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    min_noticed: Option<u8>,
    /// Try at most so many changes.
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    most_changes: usize,
    /// Write the verdicts to this file, as JUnit does.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the verdicts as the Test Anything Protocol has it.
    #[arg(long, conflicts_with = "output")]
    tap: bool,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What became of one suite.
pub(crate) struct Tested {
    pub(crate) suite: Suite,
    pub(crate) verdicts: Vec<Verdict>,
    configuration: Configuration,
}

/// What became of all.
pub(crate) struct Outcome {
    pub(crate) tested: Vec<Tested>,
    pub(crate) coverage: Option<Coverage>,
    pub(crate) mutation: Option<Mutation>,
}

impl Outcome {
    fn passed(&self) -> bool {
        self.tested.iter().flat_map(|one| &one.verdicts).all(Verdict::passed)
    }

    /// Where a field of an object is written.
    pub(crate) fn place(&self, object: &weft_model::ObjectRef, pointer: &str) -> String {
        let place = self.tested.iter().find_map(|one| one.configuration.place(object, pointer));
        place.map_or_else(String::new, |place| format!(" [{}:{}]", place.file, place.line))
    }
}

/// Judges; a suite that cannot be read is told apart from a case that fails.
pub(crate) fn run(options: &Options) -> ExitCode {
    match judge(options).and_then(|outcome| tell(options, &outcome)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            failure.tell();
            ExitCode::from(2)
        }
    }
}

fn judge(options: &Options) -> Result<Outcome, Failure> {
    let (mut tested, mut meshes) = (Vec::new(), Vec::new());
    for (path, suite) in suites(&options.suites)? {
        let configuration = Configuration::read(&path, &suite, &options.files)?;
        let mesh = configuration.mesh()?;
        let verdicts = weft_suite::run(&suite, &mesh);
        tested.push(Tested { suite, verdicts, configuration });
        meshes.push(mesh);
    }
    let mut outcome = Outcome { tested, coverage: None, mutation: None };
    let pairs = || outcome.tested.iter().zip(&meshes);
    if options.coverage || options.min_coverage.is_some() {
        let mut all = Coverage::default();
        pairs().for_each(|(one, mesh)| all.add(coverage(mesh, &one.suite.cases)));
        outcome.coverage = Some(all);
    }
    // What does not pass would notice every change.
    if (options.mutate || options.min_noticed.is_some()) && outcome.passed() {
        let mut all = Mutation::default();
        for (one, mesh) in outcome.tested.iter().zip(&meshes) {
            all.add(mesh, &one.suite.cases, options.most_changes);
        }
        outcome.mutation = Some(all);
    }
    Ok(outcome)
}

/// Prints; answers whether all is as it should be.
fn tell(options: &Options, outcome: &Outcome) -> Result<bool, Failure> {
    if let Some(file) = &options.junit {
        std::fs::write(file, formats::junit(&outcome.tested)).map_err(|error| {
            Failure::new(format!("{}: cannot be written: {error}", file.display()))
        })?;
    }
    match options.output {
        _ if options.tap => formats::tap(&outcome.tested),
        Output::Text => report::text(outcome),
        Output::Json => report::json(outcome),
    }
    let share = outcome.coverage.as_ref().map(Coverage::percent);
    let covered = enough("of the parts are reached", "--min-coverage", share, options.min_coverage);
    let share = outcome.mutation.as_ref().map(Mutation::percent);
    let noticed = enough("of the changes are noticed", "--min-noticed", share, options.min_noticed);
    Ok(outcome.passed() && covered && noticed)
}

/// Whether a share is reached; says so when it is not.
fn enough(of: &str, flag: &str, share: Option<f64>, least: Option<u8>) -> bool {
    let (Some(share), Some(least)) = (share, least) else { return true };
    let is_enough = share >= f64::from(least);
    if !is_enough {
        crate::failure::complain!("error: {share:.1}% {of}, and {flag} asks for {least}%");
    }
    is_enough
}

/// Every suite below the paths, with its file; in a folder other files are passed by.
fn suites(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Suite)>, Failure> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        for file in files::list(path)? {
            let (text, name) = (files::text(&file)?, file.display().to_string());
            if file != *path && !holds_suite(&text, &name) {
                continue;
            }
            match Suite::read(&text, &name) {
                Ok(suite) => found.push((file, suite)),
                Err(wrong) => faults.extend(wrong.iter().map(ToString::to_string)),
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::new(faults.join("\n")).hint("correct the suite; nothing was judged"));
    }
    if found.is_empty() {
        let failure = Failure::new("no suite was found");
        return Err(failure.hint("a suite is a YAML file with cases; see docs/test.md"));
    }
    Ok(found)
}

/// A file that is no YAML is looked at, so that it is told of.
fn holds_suite(text: &str, name: &str) -> bool {
    let documents = weft_model::api::yaml::read(text, name);
    documents.map_or(true, |all| all.iter().any(|one| weft_suite::is_suite(&one.value)))
}

/// The folder that paths of a suite start from.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

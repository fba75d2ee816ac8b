//! `weft gateway-api report`: what of the Gateway API is shown to work, in the form that the specification has for it.
//!
//! In: the table of features. Out: a ConformanceReport as YAML.
//! Holds: it says of a feature what the conformance cases say; what no case shows was skipped, and its profile is partial.
//! Why written by hand and not by a YAML writer: every value is a word or a number of ours.

use std::process::ExitCode;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use weft_model::api::gateway_api::features::{FEATURES, Feature, Profile};

use crate::failure::{Failure, say};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the conformance report: features that cases show to work, and those that none does.
    Report,
}

/// Release of the specification whose features are named.
const SPECIFICATION: &str = "v1.4.0";

/// Prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let What::Report = options.what;
    let now = OffsetDateTime::from(weft_rt::Clock::real().wall());
    let date = now.format(&Rfc3339).map_err(anyhow::Error::from)?;
    say!("{}", report(&date).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn report(date: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: ConformanceReport\ndate: \"{date}\"\n\
         gatewayAPIChannel: experimental\ngatewayAPIVersion: {SPECIFICATION}\nmode: default\n\
         implementation:\n  organization: weft\n  project: weft\n  url: https://weft.dev\n  version: \"{version}\"\n  \
         contact: [\"@weft/maintainers\"]\nprofiles:\n"
    );
    for profile in Profile::ALL {
        let of = |core: bool| -> Vec<&Feature> {
            let own = |f: &&Feature| f.core == core && f.profiles.contains(&profile);
            FEATURES.iter().filter(own).collect()
        };
        out.push_str("- name: ");
        out.push_str(profile.name());
        out.push('\n');
        section(&mut out, "core", &of(true));
        section(&mut out, "extended", &of(false));
    }
    out
}

/// Cases of features, counted; skipped is what none shows.
fn section(out: &mut String, name: &str, features: &[&Feature]) {
    let (yes, no): (Vec<&&Feature>, Vec<&&Feature>) =
        features.iter().partition(|feature| feature.is_supported());
    let passed: u32 = yes.iter().map(|feature| feature.cases).sum();
    let result = if no.is_empty() { "success" } else { "partial" };
    let statistics = format!("{{Failed: 0, Passed: {passed}, Skipped: {}}}", no.len());
    *out += &format!("  {name}:\n    result: {result}\n    statistics: {statistics}\n");
    for (title, features) in [("supportedFeatures", yes), ("unsupportedFeatures", no)] {
        if name == "extended" && !features.is_empty() {
            let names: Vec<&str> = features.iter().map(|feature| feature.name).collect();
            *out += &format!("    {title}: [{}]\n", names.join(", "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_every_feature_once_per_profile_on_its_side() {
        let text = report("2026-01-01T00:00:00Z");
        assert_eq!(text.matches("- name: ").count(), Profile::ALL.len());
        let names = |title: &str| -> Vec<&str> {
            let rows = text.lines().filter_map(|line| line.trim_start().strip_prefix(title));
            rows.flat_map(|row| row.trim_matches(['[', ']']).split(", ")).collect()
        };
        let (yes, no) = (names("supportedFeatures: "), names("unsupportedFeatures: "));
        for feature in FEATURES.iter().filter(|feature| !feature.core) {
            let (own, other) = if feature.is_supported() { (&yes, &no) } else { (&no, &yes) };
            let count = own.iter().filter(|name| **name == feature.name).count();
            assert_eq!(count, feature.profiles.len(), "{}", feature.name);
            assert!(!other.contains(&feature.name), "{}", feature.name);
        }
    }
}

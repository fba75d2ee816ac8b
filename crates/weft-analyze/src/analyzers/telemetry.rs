//! Telemetries whose providers are missing or on their way out.

use std::collections::HashSet;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, kind};

pub(super) const PROVIDERS: Analyzer = Analyzer::new(
    "telemetry.ProviderAnalyzer",
    "Access logs of a Telemetry without a provider.",
    &[code::IST0157],
    look_at_providers,
);

pub(super) const LIGHTSTEP: Analyzer = Analyzer::new(
    "telemetry.LightstepAnalyzer",
    "Providers of a kind that is on its way out.",
    &[code::IST0002],
    look_at_lightstep,
);

fn look_at_providers(mesh: &Mesh<'_>, report: &mut Report) {
    if !mesh.config.list("defaultProviders.accessLogging").is_empty() {
        return;
    }
    for telemetry in mesh.all(kind::TELEMETRY) {
        let logs = telemetry.spec().list("accessLogging").iter();
        let at = logs
            .clone()
            .position(|log| log.list("providers").is_empty() && !log.is_true("disabled"));
        if let Some(index) = at {
            let what =
                "is ignored: it names no provider, and the mesh has no default one for access logs";
            let fix = "name a provider, such as `envoy`, or set defaultProviders.accessLogging in MeshConfig";
            let field = format!("/spec/accessLogging/{index}");
            report.add(code::IST0157, telemetry, field, what, fix);
        }
    }
}

fn look_at_lightstep(mesh: &Mesh<'_>, report: &mut Report) {
    let providers = mesh.config.list("extensionProviders").iter();
    let lightstep: HashSet<&str> = providers
        .filter(|provider| provider.has("lightstep"))
        .map(|provider| provider.text("name"))
        .collect();
    for telemetry in mesh.all(kind::TELEMETRY) {
        for (at, tracing) in telemetry.spec().list("tracing").iter().enumerate() {
            for (index, provider) in tracing.list("providers").iter().enumerate() {
                let name = provider.text("name");
                if lightstep.contains(name) {
                    let what =
                        format!("provider `{name}` is of kind lightstep, which is deprecated");
                    let field = format!("/spec/tracing/{at}/providers/{index}/name");
                    report.add_once(
                        code::IST0002,
                        telemetry,
                        field,
                        what,
                        "use an opentelemetry provider",
                    );
                }
            }
        }
    }
}

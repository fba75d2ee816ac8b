//! Rules of extension providers. A bad one is a warning: it only matters when a policy names it.

use weft_api::mesh_config::ExtensionProvider;

use crate::report::{Report, code};
use crate::scalar::{Checked, Fault, fault, port, provider_service};

pub(crate) fn check(providers: &[ExtensionProvider], report: &mut Report) {
    let mut names: Vec<&str> = Vec::new();
    for (index, provider) in providers.iter().enumerate() {
        report.within("extensionProviders", |report| {
            report.within(&index.to_string(), |report| {
                let name = if provider.name.is_empty() {
                    fault("is empty", "name the provider, so that policies can refer to it")
                } else if names.contains(&provider.name.as_str()) {
                    fault(
                        format!("{:?} is named twice; the last one counts", provider.name),
                        "keep one",
                    )
                } else {
                    Ok(())
                };
                doubt(report, "name", name);
                kind(provider, report);
            });
        });
        names.push(&provider.name);
    }
}

fn doubt(report: &mut Report, field: &str, checked: Checked) {
    if let Err(Fault { what, fix }) = checked {
        report.within(field, |report| report.warning(code::SUSPICIOUS, what, fix));
    }
}

/// Where a provider is called.
type Endpoint<'a> = (&'static str, &'a str, u32);

fn kind(provider: &ExtensionProvider, report: &mut Report) {
    let (called, other) = endpoints(provider);
    match called.len() + other {
        0 => report.warning(code::SUSPICIOUS, "has no kind", "set one, such as `opentelemetry`"),
        1 => {}
        _ => report.warning(code::SUSPICIOUS, "has several kinds", "keep one of them"),
    }
    for (field, service, number) in called {
        report.within(field, |report| {
            doubt(report, "service", provider_service(service));
            doubt(report, "port", port(i64::from(number)));
        });
    }
    details(provider, report);
}

/// The kinds that call a service, and the number of the others.
fn endpoints(provider: &ExtensionProvider) -> (Vec<Endpoint<'_>>, usize) {
    let ExtensionProvider {
        name: _,
        envoy_ext_authz_http,
        envoy_ext_authz_grpc,
        zipkin,
        lightstep,
        datadog,
        stackdriver,
        opencensus,
        skywalking,
        opentelemetry,
        prometheus,
        envoy_file_access_log,
        envoy_http_als,
        envoy_tcp_als,
        envoy_otel_als,
        sds,
    } = provider;
    let mut found = Vec::new();
    macro_rules! called {
        ($($field:literal $kind:ident),* $(,)?) => {
            $(found.extend($kind.as_ref().map(|kind| ($field, kind.service.as_str(), kind.port)));)*
        };
    }
    called! {
        "envoyExtAuthzHttp" envoy_ext_authz_http, "envoyExtAuthzGrpc" envoy_ext_authz_grpc,
        "zipkin" zipkin, "lightstep" lightstep, "datadog" datadog, "opencensus" opencensus,
        "skywalking" skywalking, "opentelemetry" opentelemetry, "envoyHttpAls" envoy_http_als,
        "envoyTcpAls" envoy_tcp_als, "envoyOtelAls" envoy_otel_als, "sds" sds,
    }
    let others = [stackdriver.is_some(), prometheus.is_some(), envoy_file_access_log.is_some()];
    (found, others.into_iter().filter(|set| *set).count())
}

fn details(provider: &ExtensionProvider, report: &mut Report) {
    report.given("envoyExtAuthzHttp", provider.envoy_ext_authz_http.as_ref(), |http, report| {
        doubt(report, "statusOnError", status(&http.status_on_error));
        doubt(report, "pathPrefix", path(&http.path_prefix));
    });
    report.given("envoyExtAuthzGrpc", provider.envoy_ext_authz_grpc.as_ref(), |grpc, report| {
        doubt(report, "statusOnError", status(&grpc.status_on_error));
    });
    report.given("lightstep", provider.lightstep.as_ref(), |lightstep, report| {
        if lightstep.access_token.is_empty() {
            doubt(report, "accessToken", fault("is missing", "give the token"));
        }
    });
    report.given("opentelemetry", provider.opentelemetry.as_ref(), |otel, report| {
        if otel.http.is_some() && otel.grpc.is_some() {
            report.warning(code::SUSPICIOUS, "has both http and grpc", "keep one of them");
        }
    });
}

/// A status that Envoy can answer.
fn status(text: &str) -> Checked {
    let known = |code: u16| {
        matches!(code, 0 | 100 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=417 | 421..=424
            | 426 | 428 | 429 | 431 | 500..=508 | 510 | 511)
    };
    if text.is_empty() || text.parse().is_ok_and(known) {
        return Ok(());
    }
    fault(format!("{text:?} is no status of HTTP"), "write a status such as 403 or 503")
}

fn path(text: &str) -> Checked {
    if text.is_empty() || text.starts_with('/') {
        return Ok(());
    }
    fault(format!("{text:?} is no beginning of a path"), "let it begin with `/`")
}

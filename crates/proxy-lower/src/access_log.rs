//! Access logs.
//! In: Envoy's loggers. Out: ours. Holds: a logger of a kind that is not known is refused.

use proxy_config::access_log::{AccessLog, Sink};
use weft_proto::envoy::config::accesslog::v3 as wire;
use weft_proto::envoy::config::core::v3::{self as core, SubstitutionFormatString};
use weft_proto::envoy::extensions::access_loggers::file::v3::{
    FileAccessLog, file_access_log::AccessLogFormat as FileFormat,
};
use weft_proto::envoy::extensions::access_loggers::stream::v3::{
    StderrAccessLog, StdoutAccessLog, stderr_access_log, stdout_access_log,
};

use crate::Lowered;
use crate::any;
use crate::known::Rejected;

pub(crate) fn lower_all(logs: &[wire::AccessLog]) -> Lowered<Vec<AccessLog>> {
    let one =
        |(index, log)| lower(log).map_err(|e: Rejected| e.within(format!("access_log[{index}]")));
    logs.iter().enumerate().map(one).collect()
}

fn lower(log: &wire::AccessLog) -> Lowered<AccessLog> {
    let Some(wire::access_log::ConfigType::TypedConfig(config)) = log.config_type.as_ref() else {
        return Err(Rejected::new("typed_config", "is missing"));
    };
    let (sink, format) = match any::kind(config) {
        "envoy.extensions.access_loggers.file.v3.FileAccessLog" => file(&any::open(config)?)?,
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog" => {
            let log: StdoutAccessLog = any::open(config)?;
            let format = log.access_log_format.map(|f| match f {
                stdout_access_log::AccessLogFormat::LogFormat(f) => f,
            });
            (Sink::Stdout, text(format.as_ref())?)
        }
        "envoy.extensions.access_loggers.stream.v3.StderrAccessLog" => {
            let log: StderrAccessLog = any::open(config)?;
            let format = log.access_log_format.map(|f| match f {
                stderr_access_log::AccessLogFormat::LogFormat(f) => f,
            });
            (Sink::Stderr, text(format.as_ref())?)
        }
        other => return Err(Rejected::new("typed_config", format!("{other} is not known"))),
    };
    Ok(AccessLog { sink, format: format.into(), only_flags: flags(log.filter.as_ref())? })
}

fn file(log: &FileAccessLog) -> Lowered<(Sink, String)> {
    #[expect(deprecated, reason = "older control planes still send the plain format")]
    let format = match log.access_log_format.as_ref() {
        None => String::new(),
        Some(FileFormat::Format(format)) => format.clone(),
        Some(FileFormat::LogFormat(format)) => text(Some(format))?,
        Some(FileFormat::JsonFormat(_) | FileFormat::TypedJsonFormat(_)) => return Err(json()),
    };
    let sink = match log.path.as_str() {
        "/dev/stdout" => Sink::Stdout,
        "/dev/stderr" => Sink::Stderr,
        path => Sink::File(path.into()),
    };
    Ok((sink, format))
}

fn text(format: Option<&SubstitutionFormatString>) -> Lowered<String> {
    use core::substitution_format_string::Format;
    #[expect(deprecated, reason = "older control planes still send the plain format")]
    match format.and_then(|format| format.format.as_ref()) {
        None => Ok(String::new()),
        Some(Format::TextFormat(text)) => Ok(text.clone()),
        Some(Format::TextFormatSource(source)) => match source.specifier.as_ref() {
            Some(core::data_source::Specifier::InlineString(text)) => Ok(text.clone()),
            _ => Err(Rejected::new("text_format_source", "must be inline")),
        },
        Some(Format::JsonFormat(_)) => Err(json()),
    }
}

fn json() -> Rejected {
    Rejected::new("json_format", "is not supported, use a text format")
}

fn flags(filter: Option<&wire::AccessLogFilter>) -> Lowered<Vec<std::sync::Arc<str>>> {
    use wire::access_log_filter::FilterSpecifier;
    match filter.and_then(|filter| filter.filter_specifier.as_ref()) {
        None => Ok(Vec::new()),
        Some(FilterSpecifier::ResponseFlagFilter(filter)) => {
            Ok(filter.flags.iter().map(|flag| flag.as_str().into()).collect())
        }
        Some(_) => Err(Rejected::new("filter", "is of a kind that is not supported")),
    }
}

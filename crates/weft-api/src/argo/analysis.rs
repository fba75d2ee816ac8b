//! `AnalysisTemplate`, `ClusterAnalysisTemplate` and `AnalysisRun`: what is measured, and what counts as success.

use super::provider::Provider;
use crate::IntOrString;
use crate::read::record;

record! {
    /// What is measured, and what counts as success. `{{args.NAME}}` is filled in when a run begins.
    AnalysisTemplate {
        /// What is measured; at least one, here or in templates.
        "metrics" metrics: Vec<Metric>,
        /// Arguments.
        "args" args: Vec<Argument>,
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Measurements that are kept.
        "measurementRetention" measurement_retention: Vec<MeasurementRetention>,
        /// Other templates, whose metrics are measured as well.
        "templates" templates: Vec<TemplateRef>,
    }
}

record! {
    /// One run of templates, with all values filled in.
    AnalysisRun {
        /// What is measured.
        "metrics" metrics: Vec<Metric> = [Required, MinItems(1)],
        /// Arguments and their values.
        "args" args: Vec<Argument>,
        /// Ends the run.
        "terminate" terminate: bool,
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Measurements that are kept.
        "measurementRetention" measurement_retention: Vec<MeasurementRetention>,
        /// When the run is removed.
        "ttlStrategy" ttl_strategy: Option<Ttl>,
    }
}

record! {
    /// When a run is removed; never by itself when absent.
    Ttl {
        /// Seconds after its end.
        "secondsAfterCompletion" seconds_after_completion: Option<i32> = [Min(0)],
        /// Seconds after a failure.
        "secondsAfterFailure" seconds_after_failure: Option<i32> = [Min(0)],
        /// Seconds after a success.
        "secondsAfterSuccess" seconds_after_success: Option<i32> = [Min(0)],
    }
}

record! {
    /// A template by name.
    TemplateRef {
        /// Its name.
        "templateName" template_name: String = [Required, MinLength(1)],
        /// Takes a ClusterAnalysisTemplate.
        "clusterScope" cluster_scope: bool,
    }
}

record! {
    /// An argument, perhaps with a default.
    Argument {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Its value; who uses the template must give one when absent.
        "value" value: Option<String>,
        /// Where its value is found, instead of value.
        "valueFrom" value_from: Option<ValueFrom>,
    } where [OneOf(&["value", "valueFrom"])]
}

record! {
    /// Where a value is found.
    ValueFrom {
        /// A key of a Secret.
        "secretKeyRef" secret_key_ref: Option<SecretKeyRef>,
        /// A field of the rollout.
        "fieldRef" field_ref: Option<FieldRef>,
    } where [OneOf(&["secretKeyRef", "fieldRef"])]
}

record! {
    /// A key of a Secret.
    SecretKeyRef {
        /// Name of the Secret.
        "name" name: String = [Required, MinLength(1)],
        /// Key in it.
        "key" key: String = [Required, MinLength(1)],
    }
}

record! {
    /// A field of the rollout.
    FieldRef {
        /// Its path, such as `metadata.labels['env']`.
        "fieldPath" field_path: String = [Required, MinLength(1)],
    }
}

record! {
    /// Metrics whose outcome does not matter.
    DryRun {
        /// A pattern of names; `.*` or `*` for all.
        "metricName" metric_name: String = [Required, MinLength(1)],
    }
}

record! {
    /// Measurements that are kept.
    MeasurementRetention {
        /// A pattern of names; `.*` or `*` for all.
        "metricName" metric_name: String = [Required, MinLength(1)],
        /// So many of each.
        "limit" limit: i32 = [Required, Min(0)],
    }
}

record! {
    /// One thing that is measured.
    Metric {
        /// Its name; once in the template.
        "name" name: String = [Required, MinLength(1)],
        /// Time between measurements, such as `1m`; needed when count is more than 1.
        "interval" interval: Option<String>,
        /// Time before the first measurement.
        "initialDelay" initial_delay: Option<String>,
        /// How often; 1 when interval is absent too, and else until it is stopped.
        "count" count: Option<IntOrString>,
        /// When a measurement is a success, such as `result[0] >= 0.95`.
        "successCondition" success_condition: Option<String>,
        /// When a measurement is a failure. One that is neither is inconclusive.
        "failureCondition" failure_condition: Option<String>,
        /// Failures that are tolerated; 0 when absent, and -1 for any number.
        "failureLimit" failure_limit: Option<IntOrString>,
        /// Inconclusive measurements that are tolerated; 0 when absent.
        "inconclusiveLimit" inconclusive_limit: Option<IntOrString>,
        /// Errors in a row that are tolerated; 4 when absent.
        "consecutiveErrorLimit" consecutive_error_limit: Option<IntOrString>,
        /// Successes in a row that are enough; not looked at when 0 or absent.
        "consecutiveSuccessLimit" consecutive_success_limit: Option<IntOrString>,
        /// Who measures.
        "provider" provider: Option<Provider> = [Required],
    }
}

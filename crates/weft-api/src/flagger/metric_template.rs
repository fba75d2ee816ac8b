//! `MetricTemplate`: a query that many Canaries use.

use std::collections::BTreeMap;

use crate::read::{record, words};

record! {
    /// A query that many Canaries use. `{{ name }}`, `{{ namespace }}`, `{{ target }}`, `{{ interval }}` and the like are filled in.
    MetricTemplate {
        /// Who measures.
        "provider" provider: Option<MetricProvider> = [Required],
        /// The query; it gives one number.
        "query" query: String = [Required, MinLength(1)],
    }
}

words! {
    /// Who measures.
    MetricProviderType {
        /// A server of Prometheus.
        Prometheus = "prometheus",
        /// A server of InfluxDB.
        Influxdb = "influxdb",
        /// Datadog.
        Datadog = "datadog",
        /// External metrics of Kubernetes.
        ExternalMetrics = "externalmetrics",
        /// Google Cloud Monitoring.
        Stackdriver = "stackdriver",
        /// Amazon CloudWatch.
        CloudWatch = "cloudwatch",
        /// New Relic.
        NewRelic = "newrelic",
        /// A server of Graphite.
        Graphite = "graphite",
        /// Dynatrace.
        Dynatrace = "dynatrace",
        /// Keptn.
        Keptn = "keptn",
        /// Splunk.
        Splunk = "splunk",
    }
}

record! {
    /// Who measures.
    MetricProvider {
        /// Which system.
        "type" kind: MetricProviderType = [Required],
        /// URL of the server.
        "address" address: String,
        /// Header fields of requests; each with its values.
        "headers" headers: BTreeMap<String, Vec<String>>,
        /// Secret with the login.
        "secretRef" secret_ref: Option<SecretName>,
        /// Region, with CloudWatch.
        "region" region: String,
        /// Does not check the certificate of the server.
        "insecureSkipVerify" insecure_skip_verify: bool,
    }
}

record! {
    /// A Secret of the same namespace.
    SecretName {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
    }
}

//! Who measures.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cloud_watch::CloudWatch;
use super::kayenta::Kayenta;
use crate::read::{record, words};

record! {
    /// Who measures: exactly one.
    Provider {
        /// A server of Prometheus, or the metrics of the mesh.
        "prometheus" prometheus: Option<Prometheus>,
        /// A server of Kayenta.
        "kayenta" kayenta: Option<Kayenta>,
        /// Any server that answers with JSON.
        "web" web: Option<Web>,
        /// Datadog.
        "datadog" datadog: Option<Datadog>,
        /// A server of Wavefront.
        "wavefront" wavefront: Option<AddressQuery>,
        /// New Relic.
        "newRelic" new_relic: Option<NewRelic>,
        /// A Job; it succeeds or fails.
        "job" job: Option<Job>,
        /// Amazon CloudWatch.
        "cloudWatch" cloud_watch: Option<CloudWatch>,
        /// A server of Graphite.
        "graphite" graphite: Option<AddressQuery>,
        /// A server of InfluxDB.
        "influxdb" influxdb: Option<ProfileQuery>,
        /// A server of SkyWalking.
        "skywalking" skywalking: Option<SkyWalking>,
        /// Plugins by name, each with its configuration.
        "plugin" plugin: BTreeMap<String, Value>,
    } where [OneOf(&[
        "prometheus", "kayenta", "web", "datadog", "wavefront", "newRelic", "job", "cloudWatch", "graphite", "influxdb",
        "skywalking", "plugin",
    ])]
}

record! {
    /// A query of Prometheus.
    Prometheus {
        /// URL of the server; that of the mesh when absent.
        "address" address: String,
        /// The query, as PromQL.
        "query" query: String = [Required, MinLength(1)],
        /// How to log in.
        "authentication" authentication: Option<Authentication>,
        /// Seconds that an answer may take; 30 when absent.
        "timeout" timeout: Option<i64> = [Min(0)],
        /// Does not check the certificate of the server.
        "insecure" insecure: bool,
        /// Header fields of the request.
        "headers" headers: Vec<WebHeader>,
        /// Asks for a range of time, instead of one moment.
        "rangeQuery" range_query: Option<RangeQuery>,
    }
}

record! {
    /// A range of time; each field is an expression such as `now() - duration("5m")`.
    RangeQuery {
        /// Where it begins.
        "start" start: String,
        /// Where it ends.
        "end" end: String,
        /// Time between points, such as `1m`.
        "step" step: String,
    }
}

record! {
    /// How to log in.
    Authentication {
        /// With a signature of Amazon.
        "sigv4" sigv4: Option<Sigv4>,
        /// With a token of OAuth 2.
        "oauth2" oauth2: Option<OAuth2>,
        /// With a name and a password.
        "basic" basic: Option<Basic>,
    }
}

record! {
    /// A signature of Amazon.
    Sigv4 {
        /// Region.
        "region" region: String,
        /// Profile.
        "profile" profile: String,
        /// Role.
        "roleArn" role_arn: String,
    }
}

record! {
    /// A token of OAuth 2.
    OAuth2 {
        /// Where tokens are given.
        "tokenUrl" token_url: String,
        /// Name of the client.
        "clientId" client_id: String,
        /// Its secret.
        "clientSecret" client_secret: String,
        /// What the token is for.
        "scopes" scopes: Vec<String>,
    }
}

record! {
    /// A name and a password.
    Basic {
        /// The name.
        "username" username: String,
        /// The password.
        "password" password: String,
    }
}

words! {
    /// A method of HTTP.
    WebMethod {
        /// Asks.
        Get = "GET",
        /// Sends.
        Post = "POST",
        /// Replaces.
        Put = "PUT",
    }
}

record! {
    /// Any server that answers with JSON.
    Web {
        /// GET (the default), POST or PUT.
        "method" method: WebMethod,
        /// What is asked.
        "url" url: String = [Required, MinLength(1)],
        /// Header fields of the request.
        "headers" headers: Vec<WebHeader>,
        /// Body of the request.
        "body" body: Option<String>,
        /// Body of the request as JSON, instead of body.
        "jsonBody" json_body: Option<Value>,
        /// Seconds that an answer may take; 10 when absent.
        "timeoutSeconds" timeout_seconds: Option<i64> = [Min(0)],
        /// Where the result stands in the answer; the whole answer (`{$}`) when absent.
        "jsonPath" json_path: String,
        /// Does not check the certificate of the server.
        "insecure" insecure: bool,
        /// How to log in.
        "authentication" authentication: Option<Authentication>,
    } where [OneOf(&["body", "jsonBody"])]
}

record! {
    /// A header field.
    WebHeader {
        /// Its name.
        "key" key: String = [Required, MinLength(1)],
        /// Its value.
        "value" value: String = [Required],
    }
}

words! {
    /// A version of Datadog's interface.
    DatadogVersion {
        /// The first.
        V1 = "v1",
        /// The second.
        V2 = "v2",
    }
}

words! {
    /// What is made of many points of Datadog.
    DatadogAggregator {
        /// The last one.
        Last = "last",
        /// The average.
        Avg = "avg",
        /// The smallest.
        Min = "min",
        /// The largest.
        Max = "max",
        /// The sum.
        Sum = "sum",
        /// A percentile.
        Percentile = "percentile",
        /// The mean.
        Mean = "mean",
        /// The Euclidean norm.
        L2Norm = "l2norm",
        /// The area.
        Area = "area",
    }
}

record! {
    /// A query of Datadog.
    Datadog {
        /// Length of the window; 5m when absent.
        "interval" interval: Option<String>,
        /// The query.
        "query" query: Option<String>,
        /// Queries by name, for formula; with v2.
        "queries" queries: BTreeMap<String, String>,
        /// What is made of the queries; with v2.
        "formula" formula: Option<String>,
        /// v1 (the default) or v2.
        "apiVersion" api_version: DatadogVersion,
        /// What is made of many points; with v2.
        "aggregator" aggregator: Option<DatadogAggregator>,
        /// Secret with the keys.
        "secretRef" secret_ref: Option<DatadogSecret>,
    }
}

record! {
    /// Secret with the keys of Datadog.
    DatadogSecret {
        /// Its name.
        "name" name: String,
        /// Looks in the namespace of the run.
        "namespaced" namespaced: bool,
    }
}

record! {
    /// A query, and the server that is asked.
    AddressQuery {
        /// The server.
        "address" address: String,
        /// The query.
        "query" query: String = [Required, MinLength(1)],
    }
}

record! {
    /// A query of New Relic.
    NewRelic {
        /// Secret with the account.
        "profile" profile: String,
        /// The query, as NRQL.
        "query" query: String = [Required, MinLength(1)],
        /// Seconds that an answer may take.
        "timeout" timeout: Option<i64> = [Min(0)],
    }
}

record! {
    /// A query, and the account that asks.
    ProfileQuery {
        /// Secret with the account.
        "profile" profile: String,
        /// The query.
        "query" query: String = [Required, MinLength(1)],
    }
}

record! {
    /// A query of SkyWalking.
    SkyWalking {
        /// The server.
        "address" address: String,
        /// The query, as GraphQL.
        "query" query: String = [Required, MinLength(1)],
        /// Length of the window; 5m when absent.
        "interval" interval: Option<String>,
    }
}

record! {
    /// A Job; it succeeds or fails.
    Job {
        /// Labels and annotations.
        "metadata" metadata: Option<Value>,
        /// The Job.
        "spec" spec: Option<Value> = [Required],
    }
}

//! What a `Canary` measures, and which share of traffic a new version gets when.

use std::collections::BTreeMap;

use crate::describe::Form as Written;
use crate::read::{record, words};
use crate::reference::StringMatch;

record! {
    /// What is measured, and which share of traffic a new version gets when. One of iterations, stepWeight and stepWeights
    /// says how it goes on.
    Analysis {
        /// Time between steps and checks, such as `1m`; 10s at least.
        "interval" interval: String = [Required, Form(Written::Interval)],
        /// Failed checks after which the old version is back.
        "threshold" threshold: i32 = [Required, Min(0)],
        /// Checks before all traffic changes at once.
        "iterations" iterations: Option<i32> = [Min(1)],
        /// Largest share of traffic before promotion, in percent; 100 when absent.
        "maxWeight" max_weight: Option<i32> = [Min(0), Max(100)],
        /// Share that each step adds, in percent.
        "stepWeight" step_weight: Option<i32> = [Min(1), Max(100)],
        /// Share of each step, in percent.
        "stepWeights" step_weights: Option<Vec<i32>> = [MinItems(1)],
        /// Share that each step of the promotion adds, in percent; all at once when absent.
        "stepWeightPromotion" step_weight_promotion: Option<i32> = [Min(0), Max(100)],
        /// Sends copies of requests to the new version first.
        "mirror" mirror: bool,
        /// Share of requests that are copied, in percent; all when absent.
        "mirrorWeight" mirror_weight: Option<i32> = [Min(0), Max(100)],
        /// Share of pods of the stable version that must be available, in percent; 100 when absent.
        "primaryReadyThreshold" primary_ready_threshold: Option<i32> = [Min(0), Max(100)],
        /// Share of pods of the new version that must be available, in percent; 100 when absent.
        "canaryReadyThreshold" canary_ready_threshold: Option<i32> = [Min(0), Max(100)],
        /// Requests that go to the new version, for A/B tests.
        "match" matches: Vec<TestMatch>,
        /// What is measured.
        "metrics" metrics: Vec<CanaryMetric>,
        /// Whom to tell.
        "alerts" alerts: Vec<Alert>,
        /// Who is asked and told by HTTP.
        "webhooks" webhooks: Vec<Webhook>,
        /// Keeps clients with the version that they got.
        "sessionAffinity" session_affinity: Option<SessionAffinity>,
    } where [Holds(
        "(has(self.iterations) ? 1 : 0) + (has(self.stepWeight) ? 1 : 0) + (has(self.stepWeights) ? 1 : 0) == 1",
        "give one of iterations, stepWeight and stepWeights",
    )]
}

record! {
    /// Requests that go to the new version.
    TestMatch {
        /// Header fields by name.
        "headers" headers: BTreeMap<String, TestHeader>,
        /// Parameters of the query by name.
        "queryParams" query_params: BTreeMap<String, StringMatch>,
        /// Labels of the pod that calls; inside of the mesh.
        "sourceLabels" source_labels: BTreeMap<String, String>,
    }
}

record! {
    /// How the value of a header field is compared.
    TestHeader {
        /// The whole value.
        "exact" exact: Option<String>,
        /// How it begins.
        "prefix" prefix: Option<String>,
        /// How it ends.
        "suffix" suffix: Option<String>,
        /// An RE2 pattern.
        "regex" regex: Option<String>,
    } where [OneOf(&["exact", "prefix", "suffix", "regex"])]
}

record! {
    /// One thing that is measured.
    CanaryMetric {
        /// Its name; `request-success-rate` (in percent) and `request-duration` (in milliseconds) need no query.
        "name" name: String = [Required, MinLength(1)],
        /// Length of the window, such as `1m`.
        "interval" interval: Option<String> = [Form(Written::Interval)],
        /// Largest value that is good (for request-success-rate, smallest). Deprecated: use thresholdRange.
        "threshold" threshold: Option<f64>,
        /// Values that are good.
        "thresholdRange" threshold_range: Option<ThresholdRange>,
        /// A query, as PromQL. Deprecated: use templateRef.
        "query" query: String,
        /// A MetricTemplate.
        "templateRef" template_ref: Option<NamedRef>,
        /// Values for the query of the template.
        "templateVariables" template_variables: BTreeMap<String, String>,
    }
}

record! {
    /// Values that are good.
    ThresholdRange {
        /// Smallest.
        "min" min: Option<f64>,
        /// Largest.
        "max" max: Option<f64>,
    }
}

record! {
    /// An object by name.
    NamedRef {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Its namespace; that of the Canary when absent.
        "namespace" namespace: String,
    }
}

words! {
    /// How bad a thing is.
    Severity {
        /// It is told: all things are.
        Info = "info",
        /// It needs a look.
        Warn = "warn",
        /// It failed.
        Error = "error",
        /// As info.
        Unset = "",
    }
}

record! {
    /// Whom to tell.
    Alert {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// What is told: info (the default, all), warn or error.
        "severity" severity: Severity,
        /// The AlertProvider.
        "providerRef" provider_ref: Option<NamedRef> = [Required],
    }
}

words! {
    /// When somebody is asked or told.
    WebhookType {
        /// At each step; a failure counts as a failed check.
        Rollout = "rollout",
        /// Before the first step; it waits until the answer is 200.
        ConfirmRollout = "confirm-rollout",
        /// Before traffic goes to the new version.
        PreRollout = "pre-rollout",
        /// Before each larger share; it waits until the answer is 200.
        ConfirmTrafficIncrease = "confirm-traffic-increase",
        /// Before promotion; it waits until the answer is 200.
        ConfirmPromotion = "confirm-promotion",
        /// At the end.
        PostRollout = "post-rollout",
        /// At each step; 200 brings the old version back.
        Rollback = "rollback",
        /// At each event.
        Event = "event",
        /// As rollout.
        Unset = "",
    }
}

record! {
    /// Who is asked or told by HTTP.
    Webhook {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// When; rollout when absent.
        "type" kind: WebhookType,
        /// Does not tell of failures.
        "muteAlert" mute_alert: bool,
        /// Where.
        "url" url: String = [Required, MinLength(1)],
        /// Longest time of an answer, such as `30s`; 10s when absent.
        "timeout" timeout: Option<String> = [Form(Written::Interval)],
        /// How often it is tried again.
        "retries" retries: Option<i32> = [Min(0)],
        /// Does not check the certificate of the server.
        "disableTLS" disable_tls: bool,
        /// What it is told beside name, namespace and phase.
        "metadata" metadata: BTreeMap<String, String>,
    }
}

words! {
    /// Which requests of other sites carry a cookie.
    SameSite {
        /// None.
        Strict = "Strict",
        /// When the user follows a link.
        Lax = "Lax",
        /// All.
        None = "None",
    }
}

record! {
    /// Keeps clients with the version that they got, by a cookie.
    SessionAffinity {
        /// Name of the cookie of the new version.
        "cookieName" cookie_name: String = [Required, MinLength(1)],
        /// Name of the cookie of the stable version; it has none when absent.
        "primaryCookieName" primary_cookie_name: String,
        /// Host that the cookie is for.
        "domain" domain: String,
        /// Hides the cookie from scripts.
        "httpOnly" http_only: bool,
        /// Seconds that it lasts; a day when absent.
        "maxAge" max_age: Option<i32> = [Min(1), Default("86400")],
        /// Keeps the cookie apart for each site that shows the page.
        "partitioned" partitioned: bool,
        /// Path that the cookie is for.
        "path" path: String,
        /// Which requests of other sites carry it: Strict, Lax or None.
        "sameSite" same_site: Option<SameSite>,
        /// Sends it with TLS only.
        "secure" secure: bool,
    }
}

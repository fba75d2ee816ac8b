//! Queries of Amazon CloudWatch.

use crate::IntOrString;
use crate::read::record;

record! {
    /// Queries of Amazon CloudWatch.
    CloudWatch {
        /// Length of the window; 5m when absent.
        "interval" interval: Option<String>,
        /// The queries.
        "metricDataQueries" metric_data_queries: Vec<CloudWatchQuery> = [Required, MinItems(1)],
    }
}

record! {
    /// One query: an expression, or a statistic.
    CloudWatchQuery {
        /// Its name, for expressions.
        "id" id: String,
        /// An expression over other queries.
        "expression" expression: Option<String>,
        /// Its label.
        "label" label: Option<String>,
        /// A statistic.
        "metricStat" metric_stat: Option<CloudWatchStat>,
        /// Seconds between points.
        "period" period: Option<IntOrString>,
        /// Whether its result is returned; true when absent.
        "returnData" return_data: Option<bool>,
    } where [OneOf(&["expression", "metricStat"])]
}

record! {
    /// A statistic.
    CloudWatchStat {
        /// Of what.
        "metric" metric: Option<CloudWatchMetric>,
        /// Seconds between points.
        "period" period: Option<IntOrString>,
        /// Which one, such as `Sum`.
        "stat" stat: String,
        /// Unit.
        "unit" unit: String,
    }
}

record! {
    /// A metric of CloudWatch.
    CloudWatchMetric {
        /// Dimensions.
        "dimensions" dimensions: Vec<CloudWatchDimension>,
        /// Its name.
        "metricName" metric_name: String,
        /// Its namespace.
        "namespace" namespace: Option<String>,
    }
}

record! {
    /// A dimension.
    CloudWatchDimension {
        /// Its name.
        "name" name: String,
        /// Its value.
        "value" value: String,
    }
}

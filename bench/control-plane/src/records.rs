//! Figures, as JSON and as a table.
//!
//! In: values by row and metric. Out: the shape that `bench/results` has for proxies too.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Records(Vec<Record>);

#[derive(Debug)]
struct Record {
    row: String,
    metric: &'static str,
    unit: &'static str,
    /// In ascending order.
    values: Vec<f64>,
}

impl Records {
    /// One value for each round.
    pub(crate) fn add(
        &mut self,
        row: &str,
        metric: &'static str,
        unit: &'static str,
        mut values: Vec<f64>,
    ) {
        values.sort_by(f64::total_cmp);
        self.0.push(Record { row: row.to_owned(), metric, unit, values });
    }

    /// A value that is measured once.
    pub(crate) fn one(&mut self, row: &str, metric: &'static str, unit: &'static str, value: f64) {
        self.add(row, metric, unit, vec![value]);
    }

    /// Times of many rounds: their spread, and what one in a hundred exceeds.
    pub(crate) fn times(&mut self, row: &str, values: Vec<f64>) {
        self.add(row, "apply to last ack", "ms", values);
        let last = self.0.last().map(|record| percentile(&record.values, 99)).unwrap_or_default();
        self.one(row, "apply to last ack, p99", "ms", last);
    }

    pub(crate) fn json(&self) -> Value {
        let one = |record: &Record| {
            let Record { row, metric, unit, values } = record;
            json!({ "row": row, "candidate": "weft", "metric": metric, "unit": unit,
                "median": percentile(values, 50), "min": values.first(), "max": values.last(),
                "rounds": values.len() })
        };
        self.0.iter().map(one).collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text =
            "| row | metric | median | least – most | rounds |\n|---|---|---|---|---|\n".to_owned();
        for Record { row, metric, unit, values } in &self.0 {
            let (least, most) = (percentile(values, 0), percentile(values, 100));
            let median = percentile(values, 50);
            let rounds = values.len();
            // Writing to a String does not fail.
            writeln!(
                text,
                "| {row} | {metric}, {unit} | {median:.2} | {least:.2} – {most:.2} | {rounds} |"
            )
            .ok();
        }
        text
    }
}

/// Of ascending values, the nearest rank.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100.0, 198.0));
        assert_eq!((percentile(&[7.0], 99), percentile(&[], 50)), (7.0, 0.0));
    }
}

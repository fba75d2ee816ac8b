//! Rules of balancing by place, `localityLbSetting`.

use weft_api::traffic_policy::{Distribute, Failover, LocalityLb};

use crate::report::Report;
use crate::scalar::{fault, localities};

const TOPOLOGY: &[&str] =
    &["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

pub(crate) fn check(lb: &LocalityLb, report: &mut Report) {
    let LocalityLb { distribute, failover, failover_priority, enabled: _ } = lb;
    if !distribute.is_empty() && !failover.is_empty() {
        report.error("has both distribute and failover", "keep one of them");
        return;
    }
    if !failover.is_empty() {
        report.each("failoverPriority", failover_priority, |label, report| {
            if TOPOLOGY.contains(&label.as_str()) {
                report.error(format!("{label} does not go with failover"), "keep one of them");
            }
        });
    }
    report.each("distribute", distribute, shares);
    let from = distribute.iter().map(|distribute| distribute.from.as_str());
    report.expect("distribute", localities(from));
    report.each("failover", failover, regions);
}

fn shares(distribute: &Distribute, report: &mut Report) {
    let to = &distribute.to;
    let checked = if to.values().any(|weight| !(1..=100).contains(weight)) {
        fault("has a weight that is not from 1 to 100", "use percents")
    } else if to.values().sum::<u32>() != 100 {
        let sum = to.values().sum::<u32>();
        fault(format!("has weights whose sum is {sum}"), "let their sum be 100")
    } else {
        localities(to.keys().map(String::as_str))
    };
    report.expect("to", checked);
}

fn regions(failover: &Failover, report: &mut Report) {
    let Failover { from, to } = failover;
    if from == to {
        report.error("fails over to the same region", "name two regions");
    }
    for (field, region) in [("from", from), ("to", to)] {
        if region.contains(['/', '*']) {
            let what = format!("{region:?} is no region");
            report.expect(field, fault(what, "name a region, without zone or `*`"));
        }
    }
}

//! Names for the DNS proxy.

use proxy_config::names::{NameTable, Named};
use weft_proto::names::{NameInfo, NameTable as Wire};

use crate::Lowered;
use crate::known::Rejected;

pub(crate) fn lower(wire: Wire) -> Lowered<NameTable> {
    let Wire { table } = wire;
    let hosts = table.into_iter().map(|(host, info)| {
        let named = named(&host, info)?;
        Ok((host.trim_end_matches('.').to_ascii_lowercase(), named))
    });
    Ok(NameTable { hosts: hosts.collect::<Lowered<_>>()? })
}

fn named(host: &str, info: NameInfo) -> Lowered<Named> {
    // Which registry a name is from changes no answer.
    let NameInfo { ips, registry: _, shortname, namespace } = info;
    let address = |text: String| {
        let why = |_why| {
            Rejected::new(format!("table[{host}].ips"), format!("{text:?} is no IP address"))
        };
        text.parse().map_err(why)
    };
    let addresses = ips.into_iter().map(address).collect::<Lowered<_>>()?;
    Ok(Named { addresses, short: shortname, namespace })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_an_address_that_is_none_is_refused_with_the_host() {
        let info = |ip: &str| NameInfo { ips: vec![ip.to_owned()], ..NameInfo::default() };
        let table = |ip| Wire { table: [("A.example.".to_owned(), info(ip))].into() };
        let taken = lower(table("240.240.0.1")).unwrap();
        assert!(taken.hosts.contains_key("a.example"));
        let refused = lower(table("10.0.0.0/8")).unwrap_err().to_string();
        assert!(
            refused.contains("table[A.example.].ips") && refused.contains("10.0.0.0/8"),
            "{refused}"
        );
    }
}

//! `MeshNetworks`: which endpoints belong to which network, and how to get in from outside.

use std::collections::BTreeMap;

use super::mesh_record;

mesh_record! {
    /// All networks of the mesh.
    MeshNetworks {
        /// Networks by name.
        "networks" networks: BTreeMap<String, Network>,
    }
}

mesh_record! {
    /// A network: its endpoints reach each other directly.
    Network {
        /// Which endpoints belong to it.
        "endpoints" endpoints: Vec<NetworkEndpoints>,
        /// Gateways through which other networks come in.
        "gateways" gateways: Vec<NetworkGateway>,
    }
}

mesh_record! {
    /// Some endpoints of a network; one field of the two.
    NetworkEndpoints {
        /// Addresses of this range, such as `10.1.0.0/16`.
        "fromCidr" from_cidr: Option<String>,
        /// All endpoints of this cluster.
        "fromRegistry" from_registry: Option<String>,
    }
}

mesh_record! {
    /// A way into a network; `address` or `registryServiceName`.
    NetworkGateway {
        /// Full name of the gateway's service.
        "registryServiceName" registry_service_name: Option<String>,
        /// Address or name at which the gateway is reached from outside.
        "address" address: Option<String>,
        /// Port of the gateway for traffic between networks, 1 to 65535.
        "port" port: u32,
        /// Region, zone and subzone of the gateway, parted by `/`.
        "locality" locality: String,
    }
}

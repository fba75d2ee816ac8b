//! Where protox finds the .proto files that the crate `envoy-types` carries.
//! In: its folder `proto`. Out: a resolver of imports. Shared by the build script and the example beside it.

use std::path::Path;

use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};

/// Folders under `envoy-types/proto` that hold a root of imports.
const INCLUDES: [&str; 7] = [
    "data-plane-api",
    "xds",
    "googleapis",
    "protoc-gen-validate",
    "cel-spec/proto",
    "opentelemetry-proto",
    "client_model",
];

/// Finds every file that one below `protos` may import.
pub(crate) fn resolver(protos: &Path) -> ChainFileResolver {
    let mut resolver = ChainFileResolver::new();
    for folder in INCLUDES {
        resolver.add(Repaired(IncludeFileResolver::new(protos.join(folder))));
    }
    resolver.add(GoogleFileResolver::new());
    resolver
}

/// Finds files, and repairs a name that protox looks up elsewhere than protoc.
struct Repaired(IncludeFileResolver);

impl FileResolver for Repaired {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let file = self.0.open_file(name)?;
        let short = " common.dynamic_forward_proxy.v3.";
        match file.source().filter(|source| source.contains(short)) {
            None => Ok(file),
            Some(source) => {
                let full = " .envoy.extensions.common.dynamic_forward_proxy.v3.";
                File::from_source(name, &source.replace(short, full))
            }
        }
    }
}

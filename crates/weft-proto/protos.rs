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

/// Finds files, and repairs names that protox looks up elsewhere than protoc.
struct Repaired(IncludeFileResolver);

/// Packages that files name without their beginning.
const SHORTENED: [&str; 2] = ["common.dynamic_forward_proxy.v3.", "common.ratelimit.v3."];

impl FileResolver for Repaired {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let file = self.0.open_file(name)?;
        let shortened = |source: &&str| {
            let written = |package: &&str| source.contains(&format!(" {package}"));
            SHORTENED.iter().any(written)
        };
        let Some(source) = file.source().filter(shortened) else { return Ok(file) };
        let source = SHORTENED.iter().fold(source.to_owned(), |source, package| {
            let full = format!(" .envoy.extensions.{package}");
            source.replace(&format!(" {package}"), &full)
        });
        File::from_source(name, &source)
    }
}

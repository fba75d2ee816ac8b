//! From a container's image and command to the program that runs.
//!
//! In: image, command, args, the node's paths. Out: a command line, or why there is none.
//! Never: a pull.

use std::path::Path;

use k8s_openapi::api::core::v1::Container;

use crate::config::NodeConfig;

/// The command line, or a sentence that says what to do.
pub(crate) fn program(node: &NodeConfig, container: &Container) -> Result<Vec<String>, String> {
    let image = container.image.as_deref().unwrap_or_default();
    let arguments = container.args.clone().unwrap_or_default();
    let command = container.command.clone().unwrap_or_default();
    if !command.is_empty() {
        let found = container_path(node, container);
        if !runnable(&command[0], &found) {
            return Err(format!(
                "container {}: there is no program {:?} on this machine (looked in {found}); \
                 install it, or use a weft/ image",
                container.name, command[0]
            ));
        }
        return Ok([command, arguments].concat());
    }
    let (name, _tag) = image.split_once(['@', ':']).unwrap_or((image, ""));
    let path = |path: &Path| path.to_string_lossy().into_owned();
    match name.strip_prefix("weft/") {
        Some("proxy") if node.proxy.exists() => Ok([vec![path(&node.proxy)], arguments].concat()),
        Some("proxy") => Err(format!(
            "container {}: {} is missing; build it beside weft",
            container.name,
            node.proxy.display()
        )),
        Some(own) => {
            Ok([vec![path(&node.weft), "image".into(), own.to_owned()], arguments].concat())
        }
        None => Err(format!(
            "container {}: image {image:?} cannot be run, because the local node pulls no images; \
             set `command` to a program of this machine, or use a weft/ image",
            container.name
        )),
    }
}

fn container_path(node: &NodeConfig, container: &Container) -> String {
    let env = container.env.iter().flatten();
    let own = env.filter(|v| v.name == "PATH").find_map(|v| v.value.clone());
    own.unwrap_or_else(|| node.path.clone())
}

fn runnable(program: &str, path: &str) -> bool {
    // A path may lead into a volume, which exists only inside; the container then says what is wrong.
    program.contains('/') || path.split(':').any(|folder| Path::new(folder).join(program).is_file())
}

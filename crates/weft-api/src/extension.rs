//! `WasmPlugin` and `TrafficExtension` of `extensions.istio.io`: code of users in the proxy.

use serde_json::{Map, Value};

use crate::describe::Form as Written;
use crate::read::{record, words};
use crate::reference::{TargetRef, WorkloadSelector};

words! {
    /// Where a plugin of WasmPlugin stands among the filters of the mesh.
    PluginPhase {
        /// At the end.
        Unspecified = "UNSPECIFIED_PHASE",
        /// Before authentication.
        Authn = "AUTHN",
        /// Before authorization.
        Authz = "AUTHZ",
        /// Before statistics.
        Stats = "STATS",
    }
}

words! {
    /// Where an extension stands among the filters of the mesh.
    Phase {
        /// At the end.
        Unspecified = "UNSPECIFIED",
        /// Before authentication.
        Authn = "AUTHN",
        /// Before authorization.
        Authz = "AUTHZ",
        /// Before statistics.
        Stats = "STATS",
    }
}

words! {
    /// When an image is fetched.
    PullPolicy {
        /// IfNotPresent, but Always for the tag `latest`.
        Unspecified = "UNSPECIFIED_POLICY",
        /// When it is not there.
        IfNotPresent = "IfNotPresent",
        /// Each time.
        Always = "Always",
    }
}

words! {
    /// What happens when a plugin fails.
    FailStrategy {
        /// Requests are refused.
        Close = "FAIL_CLOSE",
        /// Requests pass without it.
        Open = "FAIL_OPEN",
        /// It is loaded again.
        Reload = "FAIL_RELOAD",
    }
}

words! {
    /// What a plugin works on.
    PluginType {
        /// Requests.
        Unspecified = "UNSPECIFIED_PLUGIN_TYPE",
        /// Requests.
        Http = "HTTP",
        /// Connections.
        Network = "NETWORK",
    }
}

words! {
    /// Where a variable comes from.
    EnvSource {
        /// From `value`.
        Inline = "INLINE",
        /// From the environment of the proxy.
        Host = "HOST",
    }
}

record! {
    /// A WebAssembly module in the proxies of some workloads.
    WasmPlugin {
        /// Workloads that it holds for; the whole namespace when absent.
        "selector" selector: Option<WorkloadSelector>,
        /// The gateway, waypoint or service that it is bound to; prefer targetRefs.
        "targetRef" target_ref: Option<TargetRef>,
        /// Gateways, waypoints or services that it is bound to, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// Where the module is: `oci://` (the default), `http://`, `https://` or `file://`.
        "url" url: String = [Required, MinLength(1)],
        /// SHA-256 that the module must have, in hexadecimal.
        "sha256" sha256: String = [Form(Written::Sha256)],
        /// When an image is fetched.
        "imagePullPolicy" image_pull_policy: PullPolicy,
        /// Secret of the same namespace with the login of the registry.
        "imagePullSecret" image_pull_secret: Option<String> = [MinLength(1), MaxLength(253)],
        /// Not used.
        "verificationKey" verification_key: String,
        /// What the module is given as its configuration.
        "pluginConfig" plugin_config: Option<Map<String, Value>>,
        /// Name of the plugin inside of the module.
        "pluginName" plugin_name: Option<String> = [MinLength(1), MaxLength(256)],
        /// Where it stands among the filters of the mesh.
        "phase" phase: PluginPhase,
        /// Order within the phase: higher comes first.
        "priority" priority: Option<i32>,
        /// What happens when it fails: FAIL_CLOSE (the default), FAIL_OPEN or FAIL_RELOAD.
        "failStrategy" fail_strategy: FailStrategy,
        /// Environment of the module.
        "vmConfig" vm_config: Option<VmConfig>,
        /// Traffic that it works on; all when absent.
        "match" matches: Vec<PluginMatch>,
        /// Whether it works on requests or connections.
        "type" kind: PluginType,
    } where [Holds(
        "(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
        "keep one of selector, targetRef and targetRefs",
    )]
}

record! {
    /// Environment of a module.
    VmConfig {
        /// Variables.
        "env" env: Vec<EnvVar> = [
            MaxItems(256),
        ],
    }
}

record! {
    /// One variable.
    EnvVar {
        /// Its name.
        "name" name: String = [Required, MinLength(1), MaxLength(256)],
        /// INLINE (the default) takes value, HOST takes the proxy's variable of the same name.
        "valueFrom" value_from: EnvSource,
        /// Its value.
        "value" value: Option<String> = [MaxLength(2048)],
    } where [Holds(
        "(has(self.valueFrom) ? self.valueFrom : '') != 'HOST' || !has(self.value)",
        "valueFrom HOST has no value",
    )]
}

record! {
    /// Traffic that a plugin works on.
    PluginMatch {
        /// Which end of a call.
        "mode" mode: PluginMode,
        /// Ports; all when absent.
        "ports" ports: Vec<PluginPort>,
    }
}

words! {
    /// Which end of a call a plugin works at.
    PluginMode {
        /// Both.
        Undefined = "UNDEFINED",
        /// The caller.
        Client = "CLIENT",
        /// The called.
        Server = "SERVER",
        /// Both.
        ClientAndServer = "CLIENT_AND_SERVER",
    }
}

record! {
    /// One port.
    PluginPort {
        /// Its number.
        "number" number: u32 = [Required, Min(1), Max(65535)],
    }
}

record! {
    /// Code in the proxies of some workloads: a WebAssembly module, or a Lua script.
    TrafficExtension {
        /// Workloads that it holds for; the whole namespace when absent.
        "selector" selector: Option<WorkloadSelector>,
        /// Gateways, waypoints or services that it is bound to, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// Where it stands among the filters of the mesh.
        "phase" phase: Phase,
        /// Order within the phase: higher comes first.
        "priority" priority: Option<i32>,
        /// Traffic that it works on; all when absent.
        "match" matches: Vec<PluginMatch>,
        /// A WebAssembly module.
        "wasm" wasm: Option<Wasm>,
        /// A Lua script.
        "lua" lua: Option<Lua>,
    } where [
        OneOf(&["wasm", "lua"]),
        Holds(
            "(has(self.selector) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
            "keep one of selector and targetRefs",
        ),
        Holds("has(self.wasm) != has(self.lua)", "give one of wasm and lua"),
    ]
}

record! {
    /// A WebAssembly module.
    Wasm {
        /// Where the module is: `oci://` (the default), `http://`, `https://` or `file://`.
        "url" url: String = [Required, MinLength(1)],
        /// SHA-256 that the module must have, in hexadecimal.
        "sha256" sha256: String = [Form(Written::Sha256)],
        /// When an image is fetched.
        "imagePullPolicy" image_pull_policy: PullPolicy,
        /// Secret of the same namespace with the login of the registry.
        "imagePullSecret" image_pull_secret: Option<String> = [MinLength(1), MaxLength(253)],
        /// Not used.
        "verificationKey" verification_key: String,
        /// What the module is given as its configuration.
        "pluginConfig" plugin_config: Option<Map<String, Value>>,
        /// Name of the plugin inside of the module.
        "pluginName" plugin_name: Option<String> = [MinLength(1), MaxLength(256)],
        /// What happens when it fails: FAIL_CLOSE (the default), FAIL_OPEN or FAIL_RELOAD.
        "failStrategy" fail_strategy: FailStrategy,
        /// Environment of the module.
        "vmConfig" vm_config: Option<VmConfig>,
        /// Whether it works on requests or connections.
        "type" kind: PluginType,
    }
}

record! {
    /// A Lua script.
    Lua {
        /// The script.
        "inlineCode" inline_code: String = [Required, MinLength(1), MaxLength(65536)],
    }
}

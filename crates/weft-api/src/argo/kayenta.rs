//! Judgements of Kayenta.

use crate::read::record;

record! {
    /// A judgement of Kayenta.
    Kayenta {
        /// The server.
        "address" address: String = [Required],
        /// Name of the application.
        "application" application: String = [Required],
        /// Name of the configuration.
        "canaryConfigName" canary_config_name: String = [Required],
        /// Account of metrics.
        "metricsAccountName" metrics_account_name: String = [Required],
        /// Account of configurations.
        "configurationAccountName" configuration_account_name: String = [Required],
        /// Account of storage.
        "storageAccountName" storage_account_name: String = [Required],
        /// Which scores pass.
        "threshold" threshold: Option<KayentaThreshold> = [Required],
        /// What is compared.
        "scopes" scopes: Vec<KayentaScope> = [Required],
    }
}

record! {
    /// Which scores pass.
    KayentaThreshold {
        /// A success from here on.
        "pass" pass: i64 = [Required],
        /// Inconclusive from here on.
        "marginal" marginal: i64 = [Required],
    }
}

record! {
    /// What is compared.
    KayentaScope {
        /// Its name.
        "name" name: String = [Required],
        /// The stable side.
        "controlScope" control_scope: Option<ScopeDetail> = [Required],
        /// The new side.
        "experimentScope" experiment_scope: Option<ScopeDetail> = [Required],
    }
}

record! {
    /// One side of a comparison.
    ScopeDetail {
        /// Which.
        "scope" scope: String = [Required],
        /// Region.
        "region" region: String = [Required],
        /// Seconds between points.
        "step" step: i64 = [Required],
        /// Where it begins.
        "start" start: String = [Required],
        /// Where it ends.
        "end" end: String = [Required],
    }
}

//! `AlertProvider`: where alerts go.

use super::metric_template::SecretName;
use crate::read::{record, words};

words! {
    /// Where alerts go.
    AlertProviderType {
        /// Slack.
        Slack = "slack",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Discord.
        Discord = "discord",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// Google Chat.
        GoogleChat = "gchat",
    }
}

record! {
    /// Where alerts go.
    AlertProvider {
        /// Which system.
        "type" kind: AlertProviderType = [Required],
        /// Channel.
        "channel" channel: String,
        /// Name that alerts come from.
        "username" username: String,
        /// URL that takes alerts.
        "address" address: String,
        /// URL of a proxy on the way.
        "proxy" proxy: String,
        /// Secret with the URL (key `address`), instead of address.
        "secretRef" secret_ref: Option<SecretName>,
    } where [Holds(
        "has(self.address) != has(self.secretRef)",
        "give one of address and secretRef",
    )]
}

//! The filter `CORS`: what pages of other origins may do.

use crate::describe::Form as Written;
use crate::read::{record, words};

record! {
    /// What pages of other origins may do in browsers. `*` stands alone in its list.
    Cors {
        /// Origins such as `https://www.example.com`, `https://*.example.com` or `*`.
        "allowOrigins" allow_origins: Vec<String> = [
            MaxItems(64),
            Distinct,
            ItemMinLength(1),
            ItemMaxLength(253),
            ItemForm(Written::Origin),
            Cel(ALONE, "`*` stands alone"),
        ],
        /// Whether cookies and the like may be sent.
        "allowCredentials" allow_credentials: Option<bool>,
        /// Methods, or `*`.
        "allowMethods" allow_methods: Vec<CorsMethod> =
            [MaxItems(9), Distinct, Cel(ALONE, "`*` stands alone")],
        /// Header fields of requests, or `*`.
        "allowHeaders" allow_headers: Vec<String> = [
            MaxItems(64),
            Distinct,
            ItemMinLength(1),
            ItemMaxLength(256),
            ItemForm(Written::FieldName),
            Cel(ALONE, "`*` stands alone"),
        ],
        /// Header fields of responses that pages may read, or `*`.
        "exposeHeaders" expose_headers: Vec<String> = [
            MaxItems(64),
            Distinct,
            ItemMinLength(1),
            ItemMaxLength(256),
            ItemForm(Written::FieldName),
        ],
        /// Seconds for which browsers keep the answer; 5 when absent.
        "maxAge" max_age: Option<i32> = [Min(1), Default("5")],
    }
}

const ALONE: &str = "!('*' in self && self.size() > 1)";

words! {
    /// A method of HTTP, or all of them.
    CorsMethod {
        /// All.
        All = "*",
        /// Reads.
        Get = "GET",
        /// Reads without the body.
        Head = "HEAD",
        /// Sends.
        Post = "POST",
        /// Replaces.
        Put = "PUT",
        /// Removes.
        Delete = "DELETE",
        /// Opens a tunnel.
        Connect = "CONNECT",
        /// Asks what is allowed.
        Options = "OPTIONS",
        /// Is sent back.
        Trace = "TRACE",
        /// Changes.
        Patch = "PATCH",
    }
}
